"""The live document: kept by exchange, equal to one made anew, and without what can grant nothing."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from purchase_core.access.live import (
    EMPTY,
    RETURNED_KEPT_DAYS,
    Live,
    Owned,
    PartlyRefunded,
    decode_live,
    encode_live,
    exchange,
)
from purchase_core.access.purse import EXPIRED_LOTS_KEPT_SECONDS, NAMED_LOTS_MAX, LiveLot
from purchase_core.facts.fold import apply, fold, rows_of
from purchase_core.facts.rows import LotRow, PurchaseRow, Row, SubscriptionRow
from purchase_core.instants import DAY, SECOND, Instant
from purchase_core.testing.bench import mapped
from purchase_core.testing.histories import History, histories
from purchase_core.testing.sales import T0, VERSIONS, Sale, later

NOW = later(days=5)
PRO, BOOK = Sale(), Sale(offer="book:full")


def anew(rows: list[Row], now: Instant = NOW) -> Live:
    """The document of these rows, from nothing."""
    return exchange(EMPTY, (), rows, now=now)


@given(histories(), st.data())
@settings(max_examples=40, deadline=None)
def test_exchanging_rows_gives_the_document_made_anew(history: History, data: st.DataObject) -> None:
    """After every fact, whatever the order."""
    state, live, before = fold("customer:alice", ()), EMPTY, dict[tuple[type[Row], str], Row]()
    for fact in data.draw(st.permutations(mapped(history.facts))):
        state = apply(state, fact)
        after = {(type(row), row.key): row for row in rows_of(state, VERSIONS)}
        changed = [row for identity, row in after.items() if before.get(identity) != row]
        outdated = [row for identity, row in before.items() if after.get(identity) != row]
        live = exchange(live, outdated, changed, now=NOW)
        before = after
    assert live == anew(list(before.values()))
    assert decode_live(encode_live(live)) == live


def test_the_document_is_the_same_bytes_whatever_the_order_of_rows() -> None:
    """A database may return the clusters of a lane in any order; what follows must not depend on it."""
    rows: list[Row] = [
        LotRow(f"lot_{one}", "l", "r", "ai", "v", "i", 5, 0, T0, later(days=90)) for one in "abc"
    ]
    rows += [
        PurchaseRow(one, "l", "r", "c", "i", "one_time", one, 1, "EUR", 0, 0, 0, 0, 0, T0) for one in "xyz"
    ]
    assert encode_live(anew(rows)) == encode_live(anew(rows[::-1]))


def test_an_exchange_leaves_the_old_document_as_it_was() -> None:
    """It is a value; somebody may be reading it."""
    rows = rows_of(fold("customer:alice", mapped([PRO.subscription()])), VERSIONS)
    exchange(EMPTY, (), rows, now=NOW)
    assert EMPTY == Live() == decode_live(b"")


def test_what_ended_or_went_back_is_not_live() -> None:
    """Cancelled subscriptions, purchases of which nothing is left; what a bank took is policy's matter."""
    bought = [BOOK.placed(), BOOK.tried(), BOOK.invoice()]
    for facts, live in (
        ([PRO.subscription()], True),
        ([PRO.subscription("past_due")], True),
        ([PRO.subscription("canceled")], False),
        ([PRO.subscription("incomplete_expired")], False),
        (bought, True),
        ([*bought, BOOK.refund(1_999)], True),
        ([*bought, BOOK.refund(2_000)], False),
        ([*bought, BOOK.dispute(2_000)], True),
        ([*bought, BOOK.dispute(2_000, "lost")], True),
        ([*bought, BOOK.refund(1_000), BOOK.dispute(1_000, "lost")], True),
    ):
        found = anew(rows_of(fold("customer:alice", mapped(facts)), VERSIONS))
        assert bool(found.subscriptions or found.owned or found.partly_refunded) is live, facts


def test_a_payment_of_a_subscription_that_went_back_is_remembered_while_it_can_matter() -> None:
    facts = [PRO.subscription(), PRO.invoice(), PRO.refund(400)]
    rows = rows_of(fold("customer:alice", mapped(facts)), VERSIONS)
    (one,) = anew(rows).returned.values()
    assert (one.subscription, one.paid_at, one.whole) == ("subscription:stripe-eu:sub_1_1", T0, False)
    long_after = Instant(T0 + (RETURNED_KEPT_DAYS + 1) * DAY)
    assert exchange(EMPTY, (), rows, now=long_after).returned == {}
    assert exchange(anew(rows), (), (), now=long_after).returned == {}
    assert exchange(anew(rows), rows, (), now=NOW) == EMPTY


def test_a_purchase_that_cost_nothing_stays() -> None:
    """Nothing was due, so nothing left is not a refund."""
    row = PurchaseRow("p", "l", "r", "c", "i", "one_time", "v", 1, "EUR", 0, 0, 0, 0, 0, T0)
    assert anew([row]).owned == {"v": Owned(1, 1)}
    assert anew([replace(row, due=5)]) == EMPTY


def test_an_expired_lot_is_kept_for_a_while_and_then_dropped() -> None:
    """So that a clock that is set back a little still finds it."""
    row = LotRow("lot", "l", "r", "ai", "v", "i", 5, 0, T0, T0)
    kept = Instant(T0 + EXPIRED_LOTS_KEPT_SECONDS * SECOND)
    live = anew([row], kept)
    assert live.purse.lots == {"lot": LiveLot("ai", 5, T0, T0)}
    assert anew([row], Instant(kept + 1)) == EMPTY
    assert exchange(live, (), (), now=Instant(kept + 1)) == EMPTY, "whatever else changes takes it along"
    for_ever = replace(row, expires_at=None)
    assert anew([for_ever], Instant(kept + 1)).purse.lots == {"lot": LiveLot("ai", 5, None, T0)}


def test_the_document_is_as_long_as_what_a_customer_has_at_one_time() -> None:
    """A thousand books make one line; of ten years of credits, those that are spent next have names."""
    lots: list[Row] = [
        LotRow(f"lot_{month:03}", "l", "r", "ai", "v", f"i_{month}", 500, month % 3, later(days=month), None)
        for month in range(120)
    ]
    books = [
        PurchaseRow(f"p_{one}", "l", "r", "c", "i", "one_time", "v", 2, "EUR", 5, 5, 0, 0, 0, T0)
        for one in range(1_000)
    ]
    live = anew([*lots, *books])
    assert live.owned == {"v": Owned(1_000, 2_000)}
    assert sorted(live.purse.lots) == [f"lot_{month:03}" for month in range(NAMED_LOTS_MAX)]
    assert live.purse.live("ai", NOW) == 120 * 500 - 120
    assert live == anew([*lots[::-1], *books])
    assert exchange(live, [*lots, *books], (), now=NOW) == EMPTY
    whole, less = books[0], replace(books[0], refunded=1)
    refunded = exchange(live, [whole], [less], now=NOW)
    assert refunded.owned == {"v": Owned(999, 1_998)}
    assert refunded.partly_refunded == {"p_0": PartlyRefunded("v", 2, whole.due, whole.paid - 1, 0)}
    assert exchange(refunded, [less], [whole], now=NOW) == live


def test_items_that_map_to_nothing_are_left_out() -> None:
    """The price of another application grants nothing."""
    known = rows_of(fold("customer:alice", mapped([PRO.subscription()])), VERSIONS)
    unknown = rows_of(fold("customer:alice", [PRO.subscription()]), VERSIONS)
    key = "subscription:stripe-eu:sub_1_1"
    assert anew(known).subscriptions[key].items == ((PRO.version.hash, 1),)
    assert anew(unknown).subscriptions[key].items == ()
    assert anew([row for row in known if isinstance(row, SubscriptionRow)]) == anew(known)
