"""Credit lots: what one payment granted, and how much of it its refunds ask back; and what we gave.

Credits of a subscription come with a period that was paid for, once for each item and period, however many
bills there are of it. Trials, and periods that cost nothing, grant what the offer's terms say. Prorations,
updates of a card and manual bills grant nothing: after an upgrade in mid-period, the next period grants what
the new plan does. A change that begins a whole new period grants with that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import get_args

from purchase_core.calendar import Interval, Unit, period_start, periods_later
from purchase_core.catalog.versions import CreditGrant, OfferVersion
from purchase_core.facts.bodies import CreditsGranted, InvoiceLine, InvoiceSeen
from purchase_core.facts.fact import OWN, object_key
from purchase_core.facts.reading import EXCESS, MATCHED, UNNEEDED, Reading
from purchase_core.facts.register import Register
from purchase_core.facts.rows import LotRow
from purchase_core.instants import DAY, Instant
from purchase_core.values import Value

UNITS = frozenset(get_args(Unit))


class Granting(Value, frozen=True):
    """A line of a bill that grants what an offer version does. `line` is None where no bill says what for."""

    version: str
    quantity: int
    line: InvoiceLine | None
    trial: bool = False


def lot_rows(reading: Reading, offers: Mapping[str, OfferVersion]) -> Iterator[LotRow]:
    """Lots of the cluster's paid invoices, and of what we gave.

    An excess payment grants nothing: its money is to go back. Of several bills for one period, the one counts
    of which most was kept, and of these the one that was paid first.
    """
    for one, given in reading.of(CreditsGranted):
        yield _given(reading, one, given)
    found: dict[str, LotRow] = {}
    for one, invoice in reading.of(InvoiceSeen):
        match, _ = reading.invoice_verdicts[one.object]
        if invoice.status == "paid" and match in (MATCHED, UNNEEDED):
            for row in _lots(reading, one, invoice, match, offers):
                known = found.get(row.key)
                if known is None or _precedence(row) < _precedence(known):
                    found[row.key] = row
    yield from found.values()


def _precedence(row: LotRow) -> tuple[int, Instant, str]:
    return row.clawed - row.granted, row.granted_at, row.invoice


def _lots(
    reading: Reading,
    one: Register,
    invoice: InvoiceSeen,
    match: str,
    offers: Mapping[str, OfferVersion],
) -> Iterator[LotRow]:
    _, connection, identifier = one.object.split(":", 2)
    for index, granting in enumerate(_granting(reading, invoice, match)):
        offer = offers.get(granting.version)
        if offer is None:
            continue
        for grant in offer.grants:
            if not isinstance(grant, CreditGrant):
                continue
            granted = _amount(grant, granting, invoice) * granting.quantity
            if granted:
                place = _period(invoice, granting.line) or f"{identifier}:{index}"
                key = object_key("lot", connection, f"{place}:{grant.unit}")
                ends = _expiry(grant, granting.line, offer, _paid_at(one, invoice))
                yield _lot(reading, one, invoice, key, granting.version, grant.unit, granted, ends)


def _granting(reading: Reading, invoice: InvoiceSeen, match: str) -> Iterator[Granting]:
    """The lines that grant; lines of one item and period together are one."""
    if match == MATCHED and reading.intent is not None:
        # The intent says what was bought, the line what period it is for.
        intent, trial = reading.intent, any(line.trial for line in invoice.lines)
        lines = [line for line in invoice.lines if not line.proration]
        mine = next((line for line in lines if line.version == intent.version), lines[0] if lines else None)
        yield Granting(intent.version, intent.quantity, mine, trial)
        return
    together: dict[tuple[str, str, Instant | None, bool], Granting] = {}
    for line in invoice.lines:
        if not line.proration and _grants(invoice, line):
            key = (line.version, line.price, line.period_start, line.trial)
            known = together.get(key)
            quantity = line.quantity + (known.quantity if known else 0)
            together[key] = Granting(line.version, quantity, line, line.trial)
    yield from together.values()


def _grants(invoice: InvoiceSeen, line: InvoiceLine) -> bool:
    if invoice.reason == "change":
        return line.period_start is not None and line.amount > 0
    return invoice.reason in ("first", "renewal")


def _amount(grant: CreditGrant, granting: Granting, invoice: InvoiceSeen) -> int:
    """Credits for each one paid."""
    terms = grant.said_terms
    if granting.trial:
        return terms.trial_amount
    return grant.amount if invoice.total or terms.when_free else 0


def _period(invoice: InvoiceSeen, line: InvoiceLine | None) -> str:
    """What names the item and the period that a line is for, or ""."""
    if line is None or line.period_start is None or not invoice.subscription:
        return ""
    return f"{invoice.subscription}:{line.price}:{line.period_start}"


def _expiry(
    grant: CreditGrant, line: InvoiceLine | None, offer: OfferVersion, paid_at: Instant
) -> Instant | None:
    periods = grant.said_terms.rolls_over
    if periods is None or offer.interval not in UNITS:
        return Instant(paid_at + grant.expires_days * DAY) if grant.expires_days else None
    interval = Interval(offer.interval, offer.interval_count)  # type: ignore[arg-type]  # it is one of them
    if line is None or line.period_start is None or line.period_end is None:
        return period_start(paid_at, interval, periods + 1)
    # By UTC, as providers count the periods that they bill: roll-over ends with one of them.
    return periods_later(line.period_start, line.period_end, interval, periods)


def _paid_at(one: Register, invoice: InvoiceSeen) -> Instant:
    return invoice.paid_at or one.first.order


def _given(reading: Reading, one: Register, given: CreditsGranted) -> LotRow:
    return LotRow(
        key=object_key("lot", OWN, f"{given.id}:0:{given.unit}"),
        lane=reading.cluster.lane,
        root=reading.cluster.root,
        unit=given.unit,
        version="",
        invoice="",
        granted=given.amount,
        clawed=0,
        granted_at=one.first.order,
        expires_at=given.expires_at,
    )


def _lot(
    reading: Reading,
    one: Register,
    invoice: InvoiceSeen,
    key: str,
    version: str,
    unit: str,
    granted: int,
    expires_at: Instant | None,
) -> LotRow:
    return LotRow(
        key=key,
        lane=reading.cluster.lane,
        root=reading.cluster.root,
        unit=unit,
        version=version,
        invoice=one.object,
        granted=granted,
        clawed=granted * _shortfall(reading, one.object, invoice) // invoice.total if invoice.total else 0,
        granted_at=_paid_at(one, invoice),
        expires_at=expires_at,
    )


def _shortfall(reading: Reading, invoice_key: str, invoice: InvoiceSeen) -> int:
    """How much of what was due is no longer there, over all payments of the intent."""
    answers = [
        key for key, (match, _) in reading.invoice_verdicts.items() if key == invoice_key or match == EXCESS
    ]
    left = sum([reading.kept(key) for key in answers])
    return min(max(0, invoice.total - left), invoice.total)
