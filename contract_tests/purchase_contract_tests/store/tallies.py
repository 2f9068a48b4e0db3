"""What waits: counted, and what waits for a person row by row."""

from __future__ import annotations

import attrs
from msgspec.structs import replace

from purchase_contract_tests.contract import promise
from purchase_contract_tests.store.base import StorePromises
from purchase_contract_tests.store.samples import (
    ANA,
    BEN,
    NOW,
    case,
    command,
    delivery,
    effect,
    later,
    row_of_each_table,
    step,
)
from purchase_core.facts.rows import CaseRow, RefundRow
from purchase_core.ports.batch import Batch
from purchase_core.ports.operator_reads import Tally
from purchase_core.ports.store import Store
from purchase_core.records.command import CONFIRMED, PLANNED, UNKNOWN
from purchase_core.records.delivery import DONE, IGNORED, QUARANTINED
from purchase_core.records.mailbox import STUCK, Told

PLENTY = 100


async def _counted(store: Store, of: str, *, limit: int = PLENTY) -> list[Tally]:
    return [one for one in await store.tallies(now=later(60), limit=limit) if one.of == of]


class Tallies(StorePromises):
    """`tallies` and `waiting`."""

    @promise
    async def deliveries_that_wait_are_counted(self, store: Store) -> None:
        assert list(await store.tallies(now=NOW, limit=PLENTY)) == []
        kept = [
            replace(delivery(1), received_at=later(5)),
            replace(delivery(2), received_at=later(3)),
            replace(delivery(3), connection="other"),
            replace(delivery(4), state=DONE),
            replace(delivery(5), state=IGNORED, reason="foreign"),
        ]
        judged = [
            replace(delivery(6), state=QUARANTINED, reason="malformed: line 7", event_type="paid"),
            replace(delivery(7), state=QUARANTINED, reason="malformed", event_type="paid"),
            replace(delivery(8), state=QUARANTINED, reason="KeyError: it: is not there", event_type="paid"),
            replace(delivery(9), state=QUARANTINED, reason="", event_type="asked"),
        ]
        await store.commit(Batch("batch_1", NOW, deliveries=(*kept, *judged)))
        assert await _counted(store, "pending") == [
            Tally("pending", ("acme",), 2, later(3)),
            Tally("pending", ("other",), 1, delivery(3).received_at),
        ]
        assert await _counted(store, "quarantined") == [
            Tally("quarantined", ("acme", "asked", ""), 1, delivery(9).received_at),
            Tally("quarantined", ("acme", "paid", "KeyError"), 1, delivery(8).received_at),
            Tally("quarantined", ("acme", "paid", "malformed"), 2, delivery(6).received_at),
        ]

    @promise
    async def f92_what_a_dead_worker_held_is_counted_once_its_lease_has_run_out(self, store: Store) -> None:
        await store.commit(Batch("batch_1", NOW, deliveries=(delivery(1), delivery(2), delivery(3))))
        held = await store.claim(now=later(1), lease_until=later(10), limit=2)
        await store.claim(now=later(2), lease_until=later(90), limit=1)
        assert await _counted(store, "abandoned") == [Tally("abandoned", ("acme",), len(held), later(10))]

    @promise
    async def commands_that_are_not_known_to_have_ended_are_counted(self, store: Store) -> None:
        states = {"a": UNKNOWN, "b": UNKNOWN, "c": PLANNED, "d": CONFIRMED}
        for place, (key, state) in enumerate(states.items()):
            made = attrs.evolve(command(key, f"id_{key}", state=state), created_at=later(9 - place))
            await store.commit(Batch(f"batch_{key}", NOW, command=made))
        kind, connection = command().kind, command().connection
        assert await _counted(store, "commands") == [
            Tally("commands", (kind, connection, PLANNED), 1, later(7)),
            Tally("commands", (kind, connection, UNKNOWN), 2, later(8)),
        ]

    @promise
    async def mailboxes_that_wait_or_are_stuck_are_counted(self, store: Store) -> None:
        subscribed = Batch("batch_1", NOW, subscribers=("mailer",))
        await store.commit(subscribed)
        told = [effect("a", lane=ANA), effect("b", lane=BEN)]
        steps = tuple(sorted((step(ANA), step(BEN)), key=lambda one: one.lane))
        await store.commit(Batch("batch_2", NOW, lanes=steps, effects=tuple(told)))
        assert [one.count for one in await _counted(store, "mailboxes")] == [2]
        (box, _) = await store.claim_mailboxes("mailer", now=later(1), lease_until=later(2), limit=2)
        given_up = Told("mailer", box.lane, box.fence, box.told, STUCK, 9, later(4), "down")
        await store.commit(Batch("batch_3", NOW, told=(given_up,)))
        assert await _counted(store, "mailboxes") == [
            Tally("mailboxes", ("mailer", "stuck"), 1, later(4)),
            Tally("mailboxes", ("mailer", "waiting"), 1, box.available_at),
        ]

    @promise
    async def open_cases_and_stuck_refunds_are_counted_with_their_money(self, store: Store) -> None:
        refund = next(one for one in row_of_each_table() if isinstance(one, RefundRow))
        rows = (
            case("a"),
            replace(case("b"), amount=50, opened_at=later(-5)),
            replace(case("c"), currency="EUR"),
            replace(case("d"), kind="excess"),
            replace(case("e"), status="resolved"),
            replace(refund, key="f", status="failed"),
            replace(refund, key="g", status="rejected", amount=7),
            replace(refund, key="h", status="rejected", amount=8),
            replace(refund, key="i", status="succeeded"),
        )
        await store.commit(Batch("batch_1", NOW, rows=rows))
        assert await _counted(store, "cases") == [
            Tally("cases", ("excess", "USD"), 1, NOW, 100),
            Tally("cases", ("mismatch", "EUR"), 1, NOW, 100),
            Tally("cases", ("mismatch", "USD"), 2, later(-5), 150),
        ]
        assert await _counted(store, "refunds") == [
            Tally("refunds", ("failed", "USD"), 1, refund.seen_at, 100),
            Tally("refunds", ("rejected", "USD"), 2, refund.seen_at, 15),
        ]

    @promise
    async def f15_no_more_is_counted_than_was_asked_for(self, store: Store) -> None:
        flood = tuple(delivery(number) for number in range(1, 6))
        rows = tuple(case(f"case_{number}") for number in range(5))
        await store.commit(Batch("batch_1", NOW, deliveries=flood, rows=rows))
        found = await store.tallies(now=NOW, limit=3)
        assert {one.of: one.count for one in found} == {"pending": 3, "cases": 3}
        found = await store.tallies(now=NOW, limit=3, of={"refunds", "cases"})
        assert [(one.of, one.count) for one in found] == [("cases", 3)]
        # Nor is more looked at: the last two were abandoned, behind what was due before them.
        await store.claim(now=later(6), lease_until=later(10), limit=2, newest=True)
        for limit, abandoned in ((3, {}), (4, {"abandoned": 1}), (5, {"abandoned": 2})):
            found = await store.tallies(now=later(11), limit=limit)
            counted = {one.of: one.count for one in found}
            assert counted == {"pending": limit, "cases": limit} | abandoned

    @promise
    async def what_waits_for_a_person_comes_with_the_most_money_first(self, store: Store) -> None:
        refund = next(one for one in row_of_each_table() if isinstance(one, RefundRow))
        open_ones = [
            replace(case("c"), amount=900),
            replace(case("a"), amount=1_000, kind="excess", opened_at=later(5)),
            replace(case("e"), lane=BEN),
            replace(case("d"), opened_at=later(-5)),
            replace(case("b"), amount=0, currency=""),
        ]
        stuck = [
            replace(refund, key="a", status="failed", amount=70),
            replace(refund, key="c", status="rejected", amount=8),
            replace(refund, key="b", status="rejected", amount=8),
        ]
        others = (
            replace(case("f"), amount=2_000, status="resolved", decision="receipt_1"),
            replace(refund, key="d", status="succeeded", amount=99),
        )
        await store.commit(Batch("batch_1", NOW, rows=(*stuck[::-1], *others, *open_ones[::-1])))
        assert list(await store.waiting(CaseRow)) == [open_ones[1], open_ones[0], *open_ones[2:]]
        assert list(await store.waiting(RefundRow)) == stuck
        assert list(await store.waiting(CaseRow, limit=2)) == [open_ones[1], open_ones[0]]
        assert list(await store.waiting(RefundRow, limit=1)) == stuck[:1]
        decided = replace(open_ones[1], status="resolved", decision="receipt_2")
        await store.commit(Batch("batch_2", NOW, rows=(decided,), dropped_rows=((RefundRow, "a"),)))
        assert list(await store.waiting(CaseRow)) == [open_ones[0], *open_ones[2:]]
        assert list(await store.waiting(RefundRow)) == stuck[1:]
