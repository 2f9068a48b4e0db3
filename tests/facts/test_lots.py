"""Lots of recurring grants: once for each item and period, by the terms that the offer declares."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations
from typing import Any, cast

import attrs
import pytest
from msgspec.structs import replace

from purchase_core.catalog.catalog import Catalog
from purchase_core.catalog.features import credit_unit
from purchase_core.catalog.products import plan, subscription
from purchase_core.catalog.versions import OfferVersion, decode_offer
from purchase_core.errors import CatalogInvalid
from purchase_core.facts.bodies import InvoiceLine, InvoiceSeen
from purchase_core.facts.fact import Fact, seen
from purchase_core.facts.fold import fold, rows_of
from purchase_core.facts.rows import LotRow
from purchase_core.instants import Instant, instant
from purchase_core.money import Money
from purchase_core.testing.bench import mapped
from purchase_core.testing.sales import T0, VERSIONS, Sale, later

PRO = Sale()
AI = credit_unit("ai")


def lots(facts: list[Fact], offers: dict[str, OfferVersion] | None = None) -> list[LotRow]:
    """The lots that these facts make."""
    rows = rows_of(fold("customer:alice", facts), VERSIONS if offers is None else offers)
    return [row for row in rows if isinstance(row, LotRow)]


def sold(**terms: Any) -> OfferVersion:
    """A plan with credits of these terms."""
    priced = plan("p", price=Money("10.00", "EUR"), every="month", includes=[AI(amount=100, **terms)])
    priced = attrs.evolve(priced, trial_days=14 if terms.get("trial_amount") else 0)
    return Catalog(subscription("x", plans=[priced])).offers["x:p"]


def bill(
    offer: OfferVersion,
    identifier: str = "in_1",
    *,
    reason: str = "renewal",
    amount: int = 1_000,
    start: Instant = T0,
    end: Instant | None = None,
    **line: Any,
) -> Fact:
    """A paid bill of one line."""
    ends = later(days=30) if end is None else end
    told = InvoiceLine("price_1", 1, 1_000, amount, "EUR", start, ends, version=offer.hash, **line)
    body = InvoiceSeen(identifier, "paid", reason, "cus", "EUR", amount, amount, (told,), T0, "sub_1")
    return seen("stripe-eu", T0, body)


def day(text: str) -> Instant:
    """The beginning of a day."""
    return instant(datetime.fromisoformat(text).replace(tzinfo=UTC))


def test_f61_a_period_grants_once_however_many_bills_there_are_of_it() -> None:
    """A bill that was voided and made again, or told of twice by other names, in any order."""
    renewed = PRO.renewal(1)
    again = seen(renewed.connection, renewed.order, replace(cast("InvoiceSeen", renewed.body), id="in_again"))
    refund = PRO.refund(1_000, of="in_1_1_r1")
    facts = mapped([PRO.subscription(), renewed, again, refund, PRO.renewal(2)])
    found = [lots(list(order)) for order in permutations(facts)]
    assert all(one == found[0] for one in found)
    assert [(row.granted, row.clawed) for row in found[0]] == [(100, 0), (100, 0)]
    assert [row.key for row in found[0]] == [
        f"lot:stripe-eu:sub_1_1:{PRO.price}:{later(days=30 * period)}:ai" for period in (1, 2)
    ]


def test_lines_of_one_item_and_period_are_one_lot_and_prorations_are_none() -> None:
    """Two lines of one price add up."""
    offer = sold()
    whole = cast("InvoiceSeen", bill(offer).body)
    twice = replace(whole, lines=(*whole.lines, replace(whole.lines[0], quantity=2)))
    (lot,) = lots([seen("stripe-eu", T0, twice)], {offer.hash: offer})
    assert lot.granted == 300
    assert lots([bill(offer, proration=True)], {offer.hash: offer}) == []


@pytest.mark.parametrize(
    ("reason", "amount", "proration", "granted"),
    [
        ("renewal", 1_000, False, [100]),
        ("first", 1_000, False, [100]),
        ("change", 1_000, False, [100]),
        ("change", 1_000, True, []),
        ("change", 0, False, []),
        ("manual", 1_000, False, []),
        ("subscription_payment_method_change", 0, False, []),
    ],
)
def test_what_a_bill_is_for_decides_whether_it_grants(
    reason: str, amount: int, proration: bool, granted: list[int]
) -> None:
    """Whole periods grant, whoever begins them; prorations, manual bills and updates of a card do not."""
    offer = sold()
    fact = bill(offer, reason=reason, amount=amount, proration=proration)
    assert [row.granted for row in lots([fact], {offer.hash: offer})] == granted


def test_trials_and_periods_that_cost_nothing_grant_what_the_terms_say() -> None:
    """Declared in the catalog, and part of the version that was sold."""
    for terms, trial, free in (({}, [], [100]), ({"trial_amount": 7, "when_free": False}, [7], [])):
        offer = sold(**terms)
        offers = {offer.hash: offer}
        assert [row.granted for row in lots([bill(offer, amount=0, trial=True)], offers)] == trial
        assert [row.granted for row in lots([bill(offer, amount=0)], offers)] == free


@pytest.mark.parametrize(
    ("start", "end", "rolls_over", "expires"),
    [
        ("2025-03-10", "2025-04-10", 0, "2025-04-10"),
        ("2025-03-10", "2025-04-10", 2, "2025-06-10"),
        ("2025-01-31", "2025-02-28", 0, "2025-02-28"),
        ("2025-01-31", "2025-02-28", 1, "2025-03-31"),
        ("2025-02-28", "2025-03-31", 1, "2025-04-30"),
        ("2025-01-30", "2025-02-28", 1, "2025-03-30"),
        ("2024-01-29", "2024-02-29", 12, "2025-02-28"),
    ],
)
def test_f69_credits_roll_over_to_the_end_of_a_period_and_month_ends_do_not_drift(
    start: str, end: str, rolls_over: int, expires: str
) -> None:
    """The anchor's day is that of the end which no month has cut short."""
    offer = sold(rolls_over=rolls_over)
    fact = bill(offer, start=day(start), end=day(end))
    (lot,) = lots([fact], {offer.hash: offer})
    assert lot.expires_at == day(expires)


def test_terms_are_part_of_the_version_only_where_they_are_said() -> None:
    """A version's hash is for ever: a grant without terms is what it was before there were any."""
    plain, said = sold(), sold(rolls_over=1, when_free=False)
    assert b"terms" not in plain.encode()
    for offer in (plain, said):
        assert decode_offer(offer.encode()) == offer
        assert decode_offer(offer.encode()).hash == offer.hash
    assert plain.hash != said.hash


def test_terms_that_mean_nothing_are_refused() -> None:
    """Each problem of a catalog is said."""
    for wrong in (
        {"rolls_over": -1},
        {"rolls_over": 1, "expires_days": 5},
        {"trial_amount": -1},
        {"when_free": None},
    ):
        with pytest.raises(CatalogInvalid):
            sold(**wrong)
    once = plan("p", price=Money("10.00", "EUR"), every="month", includes=[AI(amount=1, trial_amount=5)])
    with pytest.raises(CatalogInvalid, match="this plan has none"):
        Catalog(subscription("x", plans=[once]))
