"""Credit lots: what one payment granted, and how much of it the payment's refunds ask back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from purchase_core.catalog.versions import CreditGrant, OfferVersion
from purchase_core.facts.bodies import InvoiceSeen
from purchase_core.facts.fact import object_key
from purchase_core.facts.reading import MATCHED, UNNEEDED, Reading
from purchase_core.facts.register import Register
from purchase_core.facts.rows import LotRow
from purchase_core.instants import DAY, Instant


def lot_rows(reading: Reading, offers: Mapping[str, OfferVersion]) -> Iterator[LotRow]:
    """Lots of the cluster's paid invoices. An excess payment grants nothing: its money is to go back."""
    for one, invoice in reading.of(InvoiceSeen):
        match, _ = reading.invoice_verdicts[one.object]
        if invoice.status != "paid" or match not in (MATCHED, UNNEEDED):
            continue
        for index, (version, quantity) in enumerate(_granting_lines(reading, invoice, match)):
            offer = offers.get(version)
            for grant in offer.grants if offer else ():
                if isinstance(grant, CreditGrant):
                    yield _lot(reading, one, invoice, index, version, grant, grant.amount * quantity)


def _granting_lines(reading: Reading, invoice: InvoiceSeen, match: str) -> list[tuple[str, int]]:
    if match == MATCHED and reading.intent is not None:
        # The intent says what was bought; a trial that costs nothing yet grants no credits.
        trial = any(line.trial for line in invoice.lines)
        return [] if trial else [(reading.intent.version, reading.intent.quantity)]
    # Renewals: prorations, trials and manual invoices grant nothing by themselves.
    if invoice.reason not in ("first", "renewal"):
        return []
    return [(line.version, line.quantity) for line in invoice.lines if not (line.proration or line.trial)]


def _lot(
    reading: Reading,
    one: Register,
    invoice: InvoiceSeen,
    index: int,
    version: str,
    grant: CreditGrant,
    granted: int,
) -> LotRow:
    granted_at = invoice.paid_at or one.first.order
    expires_at = Instant(granted_at + grant.expires_days * DAY) if grant.expires_days else None
    _, connection, identifier = one.object.split(":", 2)
    return LotRow(
        key=object_key("lot", connection, f"{identifier}:{index}:{grant.unit}"),
        lane=reading.cluster.lane,
        root=reading.cluster.root,
        unit=grant.unit,
        version=version,
        invoice=one.object,
        granted=granted,
        clawed=granted * _shortfall(reading, one.object, invoice) // invoice.total if invoice.total else 0,
        granted_at=granted_at,
        expires_at=expires_at,
    )


def _shortfall(reading: Reading, invoice_key: str, invoice: InvoiceSeen) -> int:
    """How much of what was due is no longer there, over all payments of the intent."""
    answers = [
        key for key, (match, _) in reading.invoice_verdicts.items() if key == invoice_key or match == "excess"
    ]
    paid = sum(seen.paid for one, seen in reading.of(InvoiceSeen) if one.object in answers)
    back = [reading.money_back(key) for key in answers]
    left = paid - sum(one.refunded + one.lost for one in back)
    return min(max(0, invoice.total - left), invoice.total)
