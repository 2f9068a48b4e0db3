"""The inbox: the row is the queue. Claims carry a lease and a fence, and a late worker changes nothing."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from purchase_contract_tests.contract import promise
from purchase_contract_tests.store.base import StorePromises
from purchase_contract_tests.store.samples import ANA, NOW, delivery, later, step
from purchase_core.errors import KeyConflict, LeaseLost
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store
from purchase_core.records.delivery import DONE, IGNORED, PENDING, QUARANTINED, Delivery, Settlement
from purchase_core.records.inflow import Inflow

LEASE_SECONDS = 30


async def keep(store: Store, *deliveries: Delivery) -> None:
    """Put rows into the inbox."""
    await store.commit(Batch(f"keep {deliveries[0].id}", NOW, deliveries=deliveries))


async def claim(store: Store, at: Instant = NOW, *, limit: int = 10) -> Sequence[Delivery]:
    """Claim rows as a worker does."""
    return await store.claim(now=at, lease_until=later(LEASE_SECONDS, at), limit=limit)


async def settle(
    store: Store, row: Delivery, state: str = DONE, *, again: Instant = NOW, reason: str = ""
) -> None:
    """Settle a row under the fence that it was claimed with."""
    settlement = Settlement(row.id, row.fence, state, reason, row.attempts, again)
    await store.commit(Batch(f"settle {row.id} {row.fence} {state}", NOW, settlements=(settlement,)))


class Inbox(StorePromises):
    """`Batch.deliveries`, `Batch.settlements`, `claim` and the readers of deliveries."""

    @promise
    async def f06_an_event_is_kept_once_and_for_ever(self, store: Store) -> None:
        await keep(store, delivery(1))
        again = replace(delivery(2), event_id=delivery(1).event_id)
        for _ in range(2):
            with pytest.raises(KeyConflict) as conflict:
                await keep(store, again)
            assert conflict.value.kind == "delivery"
            for row in await claim(store):
                await settle(store, row)
        assert await store.delivery_by_id(again.id) is None

    @promise
    async def t10_the_same_event_id_on_another_connection_is_another_event(self, store: Store) -> None:
        other = replace(delivery(2, connection="other"), event_id=delivery(1).event_id)
        await keep(store, delivery(1), other)
        assert await store.delivery("acme", other.event_id) == delivery(1)
        assert await store.delivery("other", other.event_id) == other

    @promise
    async def f07_events_that_are_known_are_told_from_those_that_never_arrived(self, store: Store) -> None:
        await keep(store, delivery(1), replace(delivery(2), state=DONE), delivery(3, connection="other"))
        asked = [delivery(number).event_id for number in (4, 3, 2, 1, 1)]
        known = await store.known_events("acme", asked)
        assert known == {delivery(1).event_id, delivery(2).event_id}
        assert await store.known_events("acme", []) == frozenset()

    @promise
    async def rows_are_listed_oldest_first_behind_an_id(self, store: Store) -> None:
        await keep(store, *(delivery(number) for number in (3, 1, 4, 2)))
        bare = [replace(delivery(number), body=b"") for number in (1, 2, 3, 4)]
        assert await store.oldest_deliveries() == bare
        assert await store.oldest_deliveries(limit=2) == bare[:2]
        assert await store.oldest_deliveries(after_id=bare[1].id, limit=1) == [bare[2]]
        assert await store.oldest_deliveries(after_id=bare[3].id) == []

    @promise
    async def rows_that_are_due_are_claimed_oldest_first(self, store: Store) -> None:
        dues = (5, -5, 0, -20, 60)
        await keep(store, *(delivery(number, due=later(due)) for number, due in enumerate(dues)))
        assert [row.id for row in await claim(store, limit=2)] == [delivery(3).id, delivery(1).id]
        assert [row.id for row in await claim(store)] == [delivery(2).id]
        assert [row.id for row in await claim(store, later(5))] == [delivery(0).id]

    @promise
    async def f15_rows_that_came_due_last_can_be_claimed_before_a_backlog(self, store: Store) -> None:
        dues = (5, -5, 0, -20)
        await keep(store, *(delivery(number, due=later(due)) for number, due in enumerate(dues)))
        found = await store.claim(now=NOW, lease_until=later(LEASE_SECONDS), limit=2, newest=True)
        assert [row.id for row in found] == [delivery(1).id, delivery(2).id]
        assert [row.id for row in await claim(store)] == [delivery(3).id]
        assert not await store.claim(now=NOW, lease_until=later(LEASE_SECONDS), limit=2, newest=True)

    @promise
    async def a_settled_row_says_which_code_judged_it(self, store: Store) -> None:
        await keep(store, replace(delivery(1), code="a1"), delivery(2))
        assert [row.code for row in await store.deliveries()] == ["", "a1"]
        for row in await claim(store):
            settled = Settlement(row.id, row.fence, QUARANTINED, "poison", row.attempts, NOW, "b2")
            await store.commit(Batch(f"settle {row.id}", NOW, settlements=(settled,)))
        assert [row.code for row in await store.deliveries(state=QUARANTINED)] == ["b2", "b2"]
        found = await store.delivery_by_id(delivery(1).id)
        assert found is not None
        assert (found.code, found.body) == ("b2", delivery(1).body)

    @promise
    async def f92_a_claimed_row_is_free_again_when_its_lease_runs_out(self, store: Store) -> None:
        await keep(store, delivery())
        assert [row.fence for row in await claim(store)] == [1]
        assert not await claim(store, later(LEASE_SECONDS - 1))
        assert [row.fence for row in await claim(store, later(LEASE_SECONDS + 1))] == [2]

    @promise
    async def f92_a_lease_holds_to_its_last_instant(self, store: Store) -> None:
        await keep(store, delivery(1), delivery(2, due=later(LEASE_SECONDS)))
        await claim(store, limit=1)
        assert [row.id for row in await claim(store, later(LEASE_SECONDS))] == [delivery(2).id]
        assert [row.id for row in await claim(store, Instant(later(LEASE_SECONDS) + 1))] == [delivery(1).id]

    @promise
    async def a_claim_counts_itself_and_returns_the_whole_row(self, store: Store) -> None:
        await keep(store, delivery())
        for count in (1, 2):
            (row,) = await claim(store, later(100 * count))
            assert row == replace(delivery(), fence=count, attempts=count)
            assert await store.delivery_by_id(row.id) == row

    @promise
    async def only_pending_rows_are_claimed(self, store: Store) -> None:
        states = (DONE, IGNORED, QUARANTINED, PENDING)
        await keep(store, *(delivery(number, state=state) for number, state in enumerate(states)))
        (row,) = await claim(store)
        assert row.id == delivery(3).id
        await settle(store, row, QUARANTINED, reason="poison")
        assert not await claim(store, later(100_000))

    @promise
    async def f91_a_worker_that_lost_its_lease_commits_nothing(self, store: Store) -> None:
        await keep(store, delivery())
        (slow,) = await claim(store)
        (quick,) = await claim(store, later(LEASE_SECONDS + 1))
        late = Settlement(slow.id, slow.fence, DONE, "", slow.attempts, NOW)
        with pytest.raises(LeaseLost):
            await store.commit(Batch("late", NOW, lanes=(step(ANA),), settlements=(late,)))
        assert await store.delivery_by_id(slow.id) == quick
        assert (await store.lane(ANA)).version == 0
        await settle(store, quick)
        with pytest.raises(LeaseLost):
            await store.commit(Batch("later still", NOW, settlements=(late,)))

    @promise
    async def f91_a_slow_worker_may_settle_while_nobody_else_has_claimed(self, store: Store) -> None:
        await keep(store, delivery())
        (slow,) = await claim(store)
        await store.commit(Batch("later", later(LEASE_SECONDS * 9), lanes=(step(ANA),)))
        await settle(store, slow)
        assert await store.delivery_by_id(slow.id) == replace(slow, state=DONE)

    @promise
    async def f91_what_is_over_is_not_put_back_by_its_own_worker(self, store: Store) -> None:
        for number, state in enumerate((DONE, IGNORED)):
            await keep(store, delivery(number))
            (row,) = await claim(store)
            await settle(store, row, state)
            late = Settlement(row.id, row.fence, PENDING, "its answer was lost", row.attempts, NOW)
            with pytest.raises(LeaseLost):
                await store.commit(Batch(f"late {number}", NOW, lanes=(step(ANA),), settlements=(late,)))
            assert await store.delivery_by_id(row.id) == replace(row, state=state)
        assert (await store.lane(ANA)).version == 0

    @promise
    async def a_settlement_says_how_the_row_goes_on(self, store: Store) -> None:
        await keep(store, delivery())
        (row,) = await claim(store)
        settlement = Settlement(row.id, row.fence, IGNORED, "foreign", 7, later(9))
        await store.commit(Batch("settle", NOW, settlements=(settlement,)))
        expected = replace(row, state=IGNORED, reason="foreign", attempts=7, available_at=later(9))
        assert await store.delivery_by_id(row.id) == expected

    @promise
    async def a_row_that_is_put_back_need_not_wait_for_its_lease(self, store: Store) -> None:
        await keep(store, delivery())
        (row,) = await claim(store)
        await settle(store, row, PENDING, again=later(2), reason="busy")
        assert not await claim(store, later(1))
        (again,) = await claim(store, later(2))
        assert (again.fence, again.attempts, again.reason) == (2, 2, "busy")

    @promise
    async def a_row_that_is_not_there_cannot_be_settled(self, store: Store) -> None:
        for number, fence in enumerate((0, 1)):
            settlement = Settlement("delivery_000404", fence, DONE, "", 1, NOW)
            with pytest.raises(LeaseLost):
                await store.commit(Batch(f"settle_{number}", NOW, settlements=(settlement,)))

    @promise
    async def an_unknown_event_has_no_row(self, store: Store) -> None:
        await keep(store, delivery(1))
        assert await store.delivery("acme", "evt_2") is None
        assert await store.delivery("other", "evt_1") is None
        assert await store.delivery_by_id("delivery_000002") is None

    @promise
    async def rows_are_listed_newest_first_without_their_bodies(self, store: Store) -> None:
        rows = [
            delivery(number, state=DONE if number % 2 else PENDING, due=later(-number)) for number in range(6)
        ]
        await keep(store, *rows)
        listed = [replace(row, body=b"") for row in reversed(rows)]
        assert list(await store.deliveries()) == listed
        assert list(await store.deliveries(state=DONE)) == [row for row in listed if row.state == DONE]
        assert list(await store.deliveries(before_id=listed[1].id, limit=2)) == listed[2:4]
        assert list(await store.deliveries(state=DONE, before_id=listed[0].id, limit=1)) == [listed[2]]

    @promise
    async def the_newest_rows_are_counted_by_when_they_arrived(self, store: Store) -> None:
        begins, stretch = Instant(NOW - NOW % (10 * SECOND)), 10 * SECOND
        arrived = [
            (-11, "acme"),
            (-1, "acme"),
            (0, "acme"),
            (9, "other"),
            (9, "acme"),
            (10, "acme"),
            (12, "acme"),
        ]
        rows = [
            replace(
                delivery(number, connection=connection, state=DONE if number % 2 else PENDING),
                received_at=later(seconds, begins),
            )
            for number, (seconds, connection) in enumerate(arrived)
        ]
        await keep(store, *rows)
        assert list(await store.inflow(since=later(-10, begins), stretch=stretch, newest=100)) == [
            Inflow(later(-10, begins), "acme", DONE, 1),
            Inflow(begins, "acme", PENDING, 2),
            Inflow(begins, "other", DONE, 1),
            Inflow(later(10, begins), "acme", DONE, 1),
            Inflow(later(10, begins), "acme", PENDING, 1),
        ]
        assert list(await store.inflow(since=later(-99, begins), stretch=stretch, newest=3)) == [
            Inflow(begins, "acme", PENDING, 1),
            Inflow(later(10, begins), "acme", DONE, 1),
            Inflow(later(10, begins), "acme", PENDING, 1),
        ]
