"""Mailboxes: who still has to be told what, claimed and settled like the inbox, a lane at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from purchase_contract_tests.contract import promise
from purchase_contract_tests.store.base import StorePromises
from purchase_contract_tests.store.samples import ANA, BEN, NOW, effect, later, step
from purchase_core.errors import LeaseLost
from purchase_core.instants import Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store
from purchase_core.records.effect import Effect
from purchase_core.records.mailbox import IDLE, STUCK, WAITING, Mailbox, Told

LEASE_SECONDS = 30


async def write(store: Store, *effects: Effect, subscribers: tuple[str, ...] = ()) -> None:
    """Commit effects, and subscribers before them."""
    name = "-".join([*subscribers, *(one.key for one in effects)])
    await store.commit(Batch(f"write {name}", NOW, effects=effects, subscribers=subscribers))


async def claim(store: Store, at: Instant = NOW, *, of: str = "mail", limit: int = 10) -> Sequence[Mailbox]:
    """Claim mailboxes as a worker does."""
    return await store.claim_mailboxes(of, now=at, lease_until=later(LEASE_SECONDS, at), limit=limit)


async def tell(
    store: Store, one: Mailbox, state: str = IDLE, *, told: int | None = None, again: Instant = NOW
) -> None:
    """Say how far the holder of a mailbox came."""
    upto = one.newest if told is None else told
    row = Told(one.subscriber, one.lane, one.fence, upto, state, one.attempts, again, "why")
    await store.commit(Batch(f"tell {one.subscriber} {one.lane} {one.fence} {state}", NOW, told=(row,)))


class Mailboxes(StorePromises):
    """`Batch.subscribers`, `Batch.told`, `claim_mailboxes` and the readers of mailboxes."""

    @promise
    async def a_subscriber_is_known_once_by_its_name(self, store: Store) -> None:
        await write(store, subscribers=("mail", "books"))
        await store.commit(Batch("again", NOW, subscribers=("mail",)))
        assert list(await store.subscribers()) == ["books", "mail"]

    @promise
    async def a_subscriber_begins_with_what_comes_after_it(self, store: Store) -> None:
        await write(store, effect("before", version=1))
        await write(store, effect("with", version=2, position=1), subscribers=("mail",))
        assert await store.mailbox("mail", BEN) is None
        (one,) = await claim(store)
        assert one == await store.mailbox("mail", ANA)
        assert [found.key for found in await store.effects(ANA, after=one.told)] == ["with"]
        assert one.newest == effect(version=2, position=1).place

    @promise
    async def every_effect_of_one_step_waits(self, store: Store) -> None:
        steps = [effect("z", version=5, position=0), effect("a", version=5, position=1)]
        await write(store, *steps, subscribers=("mail",))
        (one,) = await claim(store)
        assert [found.key for found in await store.effects(ANA, after=one.told)] == ["z", "a"]
        assert one.newest == steps[1].place
        # Nor is one of several that are written together passed over, whatever their keys are.
        ordered = [effect("y", lane=BEN, version=1), effect("b", lane=BEN, version=2)]
        await store.commit_all([Batch(f"of_{one.key}", NOW, effects=(one,)) for one in ordered])
        (other,) = await claim(store)
        assert [found.key for found in await store.effects(BEN, after=other.told)] == ["y", "b"]

    @promise
    async def each_subscriber_has_a_mailbox_of_its_own(self, store: Store) -> None:
        await write(store, effect("first"), effect("second", lane=BEN), subscribers=("mail", "books"))
        for mine in await claim(store):
            await tell(store, mine)
        assert [one.lane for one in await claim(store, of="books")] == [ANA, BEN]
        assert not await claim(store)
        assert not await claim(store, of="nobody")

    @promise
    async def f96_an_effect_that_was_there_wakes_nobody(self, store: Store) -> None:
        await write(store, effect("first"), subscribers=("mail",))
        (one,) = await claim(store)
        await tell(store, one)
        await store.commit(Batch("again", NOW, effects=(effect("first", version=7),)))
        assert not await claim(store, later(100))
        known = await store.mailbox("mail", ANA)
        assert known is not None
        assert (known.state, known.newest) == (IDLE, effect().place)

    @promise
    async def mailboxes_that_are_due_are_claimed_oldest_first(self, store: Store) -> None:
        lanes = ("customer:c", "customer:a", "customer:b")
        await write(store, *(effect(lane, lane=lane) for lane in lanes), subscribers=("mail",))
        for one, due in zip(await claim(store), (40, 20, 30), strict=True):
            await tell(store, one, WAITING, told=one.told, again=later(due))
        assert not await claim(store, later(19))
        assert [one.lane for one in await claim(store, later(40), limit=2)] == [lanes[2], lanes[0]]
        assert [one.lane for one in await claim(store, later(40))] == [lanes[1]]

    @promise
    async def f92_a_claimed_mailbox_is_free_again_when_its_lease_runs_out(self, store: Store) -> None:
        await write(store, effect(), subscribers=("mail",))
        assert [(one.fence, one.attempts) for one in await claim(store)] == [(1, 1)]
        assert not await claim(store, later(LEASE_SECONDS))
        found = await claim(store, Instant(later(LEASE_SECONDS) + 1))
        assert [(one.fence, one.attempts) for one in found] == [(2, 2)]

    @promise
    async def f91_a_worker_that_lost_its_mailbox_commits_nothing(self, store: Store) -> None:
        await write(store, effect(), subscribers=("mail",))
        (slow,) = await claim(store)
        (quick,) = await claim(store, later(LEASE_SECONDS + 1))
        late = Told("mail", ANA, slow.fence, slow.newest, IDLE, 0, NOW)
        with pytest.raises(LeaseLost):
            await store.commit(Batch("late", NOW, lanes=(step(ANA),), told=(late,)))
        assert await store.mailbox("mail", ANA) == quick
        assert (await store.lane(ANA)).version == 0
        await tell(store, quick)

    @promise
    async def a_mailbox_that_is_not_there_cannot_be_told(self, store: Store) -> None:
        await write(store, effect(), subscribers=("mail",))
        for number, (name, lane) in enumerate((("mail", BEN), ("books", ANA))):
            for fence in (0, 1):
                row = Told(name, lane, fence, 0, IDLE, 0, NOW)
                with pytest.raises(LeaseLost):
                    await store.commit(Batch(f"tell_{number}_{fence}", NOW, told=(row,)))

    @promise
    async def what_comes_while_others_are_told_keeps_the_mailbox_waiting(self, store: Store) -> None:
        await write(store, effect("first"), subscribers=("mail",))
        (one,) = await claim(store)
        await write(store, effect("second", version=2))
        await tell(store, one)
        (again,) = await claim(store)
        assert (again.told, again.newest) == (one.newest, effect(version=2).place)
        await tell(store, again)
        assert not await claim(store)
        await write(store, effect("third", version=3))
        assert [found.told for found in await claim(store)] == [again.newest]

    @promise
    async def a_mailbox_is_as_it_was_told(self, store: Store) -> None:
        await write(store, effect("first"), effect("second", version=2), subscribers=("mail",))
        (one,) = await claim(store)
        row = Told("mail", ANA, one.fence, effect("first").place, WAITING, 5, later(9), "busy")
        await store.commit(Batch("told", NOW, told=(row,)))
        expected = Mailbox(
            "mail", ANA, row.told, one.newest, WAITING, row.attempts, row.available_at, "busy", one.fence
        )
        assert await store.mailbox("mail", ANA) == expected
        assert not await claim(store, later(8))
        assert [found.attempts for found in await claim(store, later(9))] == [6]

    @promise
    async def f89_more_news_does_not_hurry_what_is_tried_again_later(self, store: Store) -> None:
        await write(store, effect("first"), subscribers=("mail",))
        (one,) = await claim(store)
        await tell(store, one, WAITING, told=one.told, again=later(60))
        await write(store, effect("second", version=2))
        assert not await claim(store, later(59))
        assert [found.newest for found in await claim(store, later(60))] == [effect(version=2).place]

    @promise
    async def f89_a_stuck_mailbox_holds_its_own_lane_and_is_seen(self, store: Store) -> None:
        await write(store, effect("ana"), effect("ben", lane=BEN), subscribers=("mail",))
        poisoned, good = await claim(store)
        await tell(store, poisoned, STUCK, told=poisoned.told)
        await tell(store, good)
        await write(store, effect("more", version=2), effect("for ben", lane=BEN, version=2))
        assert [one.lane for one in await claim(store, later(1_000))] == [BEN]
        (stuck,) = await store.mailboxes("mail", state=STUCK)
        assert (stuck.lane, stuck.reason, stuck.newest) == (ANA, "why", effect(version=2).place)
        assert not await store.mailboxes("books", state=STUCK)
        await tell(store, stuck, WAITING, told=effect("ana").place)
        assert [one.lane for one in await claim(store, later(2_000), limit=1)] == [ANA]

    @promise
    async def mailboxes_are_listed_by_lane_in_pages(self, store: Store) -> None:
        lanes = sorted(f"customer:{number}" for number in range(5))
        await write(store, *(effect(lane, lane=lane) for lane in lanes), subscribers=("mail",))
        assert [one.lane for one in await store.mailboxes("mail", state=WAITING)] == lanes
        page = await store.mailboxes("mail", state=WAITING, after_lane=lanes[1], limit=2)
        assert [one.lane for one in page] == lanes[2:4]
        assert not await store.mailboxes("mail", state=STUCK)

    @promise
    async def a_dropped_subscriber_leaves_no_mailbox_behind(self, store: Store) -> None:
        await write(store, effect("first"), subscribers=("mail", "books"))
        await store.commit(Batch("drop", NOW, dropped_subscribers=("mail", "nobody")))
        assert list(await store.subscribers()) == ["books"]
        assert await store.mailbox("mail", ANA) is None
        await write(store, effect("second", version=2))
        assert not await claim(store)
        assert [one.lane for one in await claim(store, of="books")] == [ANA]

    @promise
    async def no_two_workers_hold_one_mailbox(self, store: Store) -> None:
        lanes = [f"customer:{number:02}" for number in range(20)]
        await write(store, *(effect(lane, lane=lane) for lane in lanes), subscribers=("mail",))
        claims = await asyncio.gather(*(claim(store, limit=3) for _ in range(10)))
        held = [one.lane for found in claims for one in found]
        assert sorted(held) == lanes
