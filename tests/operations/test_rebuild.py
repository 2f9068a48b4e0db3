"""Rebuild: what is stored becomes what its facts say, lane by lane, while events go on arriving."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from purchase_core.access.live import EMPTY, encode_live
from purchase_core.catalog.versions import OfferVersion
from purchase_core.errors import NotFound, WrongState
from purchase_core.facts.cluster import Cluster
from purchase_core.facts.derive import derive
from purchase_core.facts.fold import REDUCER_VERSION, canonical_hash
from purchase_core.facts.rows import CaseRow, InvoiceRow, Row, SubscriptionRow
from purchase_core.operations import sharing
from purchase_core.operations.rebuild import BUSY, CHANGED, NEWER, UNCHANGED, Cursor, Rebuilt
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store
from purchase_core.projection import derived, shadow
from purchase_core.records.reference import Reference
from purchase_core.records.run import FINISHED, RUNNING
from purchase_core.testing.bench import problems
from purchase_core.testing.memory_store import MemoryDatabase
from tests.faults.killed import Killed
from tests.faults.shop import Shop, run
from tests.operations.misreading import image
from tests.operations.rebuilding import busy_shop, rebuilt

LANE = "customer:ana"


async def compared(shop: Shop) -> tuple[Cursor, list[Rebuilt]]:
    """A shadow beside everything."""
    found: list[Rebuilt] = []
    last = Cursor()
    async for cursor, done in shop.billing.rebuild.shadow(Cursor()):
        last = cursor
        found += done
    return last, found


def wrongs(shop: Shop) -> list[str]:
    return list(problems(shop.memory, now=shop.clock.now()))


def test_what_is_as_its_facts_say_is_left_alone() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await busy_shop(shop)
            assert wrongs(shop) == []
            before = image(shop)
            cursor, found = await compared(shop)
            assert {one.status for one in found} == {UNCHANGED}
            assert sum(one.facts for one in found) == len(shop.memory.facts)
            assert cursor.stored == cursor.rebuilt != ""
            assert image(shop) == before, "a shadow writes nothing"
            noted, _ = await rebuilt(shop)
            assert noted.counts[CHANGED] == 0
            assert noted.state == FINISHED
            noted_apart = [
                name
                for name, one, other in zip(
                    attrs.fields_dict(MemoryDatabase), before, image(shop), strict=True
                )
                if one != other
            ]
            assert noted_apart == ["batches", "runs"]

    run(work)


# --- what was spoilt is mended -------------------------------------------------------------------


def _row(shop: Shop, kind: type[Row]) -> Row:
    return next(row for row in shop.memory.rows.values() if isinstance(row, kind))


def _subscription(shop: Shop) -> str:
    return min(key for key in shop.memory.references if key.startswith("subscription:"))


def spoil_a_row(shop: Shop) -> None:
    row = _row(shop, InvoiceRow)
    shop.memory.rows[InvoiceRow, row.key] = replace(row, paid=1)


def lose_a_row(shop: Shop) -> None:
    del shop.memory.rows[SubscriptionRow, _row(shop, SubscriptionRow).key]


def invent_a_row(shop: Shop) -> None:
    row = CaseRow(
        "case:x:y", LANE, "root", "excess", "invoice:x:y", "", "", 1, "USD", shop.clock.now(), "open", ""
    )
    shop.memory.rows[CaseRow, row.key] = row


def move_a_row(shop: Shop) -> None:
    row = _row(shop, SubscriptionRow)
    shop.memory.rows[SubscriptionRow, row.key] = replace(row, lane="customer:ben")


def lose_a_cluster(shop: Shop) -> None:
    del shop.memory.clusters[_row(shop, SubscriptionRow).root]


def spoil_a_cluster(shop: Shop) -> None:
    root = _row(shop, SubscriptionRow).root
    known = shop.memory.clusters[root]
    registers = {key: one for key, one in known.registers.items() if not key.startswith("session:")}
    shop.memory.clusters[root] = replace(known, registers=registers)


def lose_a_reference(shop: Shop) -> None:
    del shop.memory.references[_subscription(shop)]


def lead_a_reference_astray(shop: Shop) -> None:
    key = _subscription(shop)
    shop.memory.references[key] = Reference(key, LANE, "nothing")


def spoil_a_document(shop: Shop) -> None:
    lane = shop.memory.lanes[LANE]
    shop.memory.lanes[LANE] = replace(lane, document=encode_live(EMPTY))


SPOILING: Mapping[str, Callable[[Shop], None]] = {
    one.__name__: one
    for one in (
        spoil_a_row, lose_a_row, invent_a_row, move_a_row, lose_a_cluster, spoil_a_cluster, lose_a_reference,
        lead_a_reference_astray, spoil_a_document,
    )
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILING)
def test_i13_whatever_was_spoilt_is_named_and_mended(name: str) -> None:
    async def work() -> None:
        async with Shop() as shop:
            await busy_shop(shop)
            expected = canonical_hash(shop.memory.rows.values())
            effects, facts = dict(shop.memory.effects), dict(shop.memory.facts)
            SPOILING[name](shop)
            assert wrongs(shop)
            _, shown = await compared(shop)
            assert CHANGED in {one.status for one in shown}
            noted, done = await rebuilt(shop)
            assert [one.differences for one in done] == [one.differences for one in shown]
            assert noted.counts[CHANGED] == sum(one.status == CHANGED for one in shown)
            assert wrongs(shop) == []
            assert canonical_hash(shop.memory.rows.values()) == expected
            assert (dict(shop.memory.effects), dict(shop.memory.facts)) == (effects, facts)
            assert {one.status for one in (await compared(shop))[1]} == {UNCHANGED}

    run(work)


# --- another fold ------------------------------------------------------------------------------


@contextmanager
def another_fold(version: int = REDUCER_VERSION + 1) -> Iterator[None]:
    """Code in which a subscription's row says something else."""

    def other(cluster: Cluster, offers: Mapping[str, OfferVersion]) -> dict[tuple[type[Row], str], Row]:
        rows = derive(cluster, offers)
        return {
            key: replace(row, status=row.status.upper()) if isinstance(row, SubscriptionRow) else row
            for key, row in rows.items()
        }

    with (
        patch.object(shadow, "derive", other),
        patch.object(derived, "derive", other),
        patch.object(shadow, "REDUCER_VERSION", version),
        patch("purchase_core.projection.change.REDUCER_VERSION", version),
    ):
        yield


def test_f94_a_changed_fold_is_shown_before_it_counts_and_found_until_all_is_rebuilt() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await busy_shop(shop)
            before = image(shop)
            with another_fold():
                _, found = await compared(shop)
                assert image(shop) == before
                (changed,) = [one for one in found if one.status == CHANGED]
                assert changed.lane == LANE
                assert [(one.what, one.table, one.columns) for one in changed.differences] == [
                    ("differs", "subscriptions", ("status",)),
                    ("differs", "documents", ()),
                ]
                assert {lane.reducer for lane in shop.memory.lanes.values()} == {REDUCER_VERSION}
                noted, _ = await rebuilt(shop)
                assert noted.counts[CHANGED] == 1
                owners = [lane for lane in shop.memory.lanes.values() if not lane.linked_to]
                assert {lane.reducer for lane in owners} == {REDUCER_VERSION + 1}
                status = next(
                    row.status for row in shop.memory.rows.values() if isinstance(row, SubscriptionRow)
                )
                assert status == "ACTIVE"
                assert {one.status for one in (await compared(shop))[1]} == {UNCHANGED}

    run(work)


def test_f98_older_code_leaves_what_is_newer_and_what_it_writes_to_is_found_again() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await busy_shop(shop)
            with another_fold():
                await rebuilt(shop)
            # The old code still runs: it rebuilds nothing that newer code wrote,
            before = shop.memory.rows.copy()
            _, found = await rebuilt(shop)
            assert {one.status for one in found} == {NEWER}
            assert shop.memory.rows == before
            # and takes events as ever: its lane is as old as that, until it is rebuilt.
            shop.advance(days=31)
            await shop.deliver()
            assert shop.memory.lanes[LANE].reducer == REDUCER_VERSION
            assert shop.memory.lanes["customer:ben"].reducer == REDUCER_VERSION + 1
            with another_fold():
                _, found = await rebuilt(shop)
                assert [one.lane for one in found if one.status == CHANGED] == [LANE]
                assert {one.status for one in (await compared(shop))[1]} == {UNCHANGED}

    run(work)


# --- cut off, and beside live traffic ----------------------------------------------------------


def test_f95_a_rebuild_that_was_cut_off_anywhere_goes_on_where_it_stopped() -> None:
    async def work(after: int) -> bool:
        async with Shop() as shop:
            await busy_shop(shop)
            expected = canonical_hash(shop.memory.rows.values())
            for spoil in (spoil_a_row, lose_a_reference, invent_a_row):
                spoil(shop)
            with patch.object(sharing, "LANES_AT_ONCE", 1):
                portions = [done async for _, done in shop.billing.rebuild.shadow(Cursor())]
                first = await shop.billing.rebuild.start(note="ops: why")
                with cut_off(shop, after):
                    try:
                        async for _ in shop.billing.rebuild.run(first):
                            pass
                    except Killed:
                        pass
                left = await shop.billing.store.run(first.id)
                if left is not None and left.state == RUNNING:
                    again = await shop.billing.rebuild.resumed(first.id)
                    begun = again.cursor
                    async for noted, _ in shop.billing.rebuild.run(again):
                        left = noted
                    assert left.cursor != begun or left.counts["facts"]
                elif left is None:
                    left, _ = await rebuilt(shop)
                assert left.state == FINISHED
                assert wrongs(shop) == []
                assert canonical_hash(shop.memory.rows.values()) == expected
                with pytest.raises(WrongState):
                    await shop.billing.rebuild.resumed(left.id)
                # Each lane once: what was done and noted before is not gone through again.
                assert sum(left.counts[one] for one in (UNCHANGED, CHANGED)) == sum(map(len, portions))
                return after > 3 * len(portions)

    commits = 1
    while not run(lambda: work(commits)):  # noqa: B023  # run at once
        commits += 3


@contextmanager
def cut_off(shop: Shop, after: int) -> Iterator[None]:
    """The process dies at its n-th commit, before it."""
    store = shop.billing.store
    original = store.commit
    left = after

    async def commit(batch: Batch) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Killed
        await original(batch)

    with patch.object(store, "commit", commit):
        yield


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_f97_events_that_arrive_while_it_runs_are_neither_lost_nor_doubled(data: st.DataObject) -> None:
    async def work() -> None:
        async with Shop() as shop, Shop() as untouched:
            for one in (shop, untouched):
                await busy_shop(one)
                one.advance(days=62)
            pending = shop.webhooks()
            await untouched.deliver()
            # A live event would build upon a cluster or a reference that is wrong.
            harmless = (spoil_a_row, invent_a_row, spoil_a_document)
            for spoil in data.draw(st.lists(st.sampled_from(harmless), max_size=3, unique=True)):
                spoil(shop)
            store = shop.billing.store
            original = store.holdings

            async def meanwhile(first: str, last: str) -> Any:
                held = await original(first, last)
                for _ in range(data.draw(st.integers(0, 2))):
                    if pending:
                        await shop.deliver([pending.pop(0)])
                return held

            with patch.object(store, "holdings", meanwhile), patch.object(sharing, "LANES_AT_ONCE", 2):
                await rebuilt(shop)
            await shop.deliver(pending)
            assert wrongs(shop) == []
            assert canonical_hash(shop.memory.rows.values()) == canonical_hash(untouched.memory.rows.values())

    run(work)


def test_a_lane_that_never_stands_still_is_told_as_busy() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await busy_shop(shop)
            spoil_a_row(shop)
            store: Store = shop.billing.store
            original = store.holdings

            async def meanwhile(first: str, last: str) -> Any:
                held = await original(first, last)
                lane = shop.memory.lanes[LANE]
                shop.memory.lanes[LANE] = replace(lane, version=lane.version + 1)
                return held

            with patch.object(store, "holdings", meanwhile):
                noted, _ = await rebuilt(shop)
            assert noted.counts[BUSY] == 1

    run(work)


def test_f96_i14_nobody_is_told_anything_and_nobody_is_asked() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await busy_shop(shop)
            for spoil in (lose_a_row, spoil_a_row):
                spoil(shop)
            effects = dict(shop.memory.effects)

            asked: list[object] = []

            async def never(*arguments: object, **options: object) -> object:
                asked.append(arguments)  # what is raised here could be contained
                raise AssertionError("a rebuild asks nobody")

            with (
                patch.object(shop.provider._client, "write", never),
                patch.object(shop.provider._client, "read", never),
            ):
                await rebuilt(shop)
                await rebuilt(shop)
            assert asked == []
            assert dict(shop.memory.effects) == effects

    run(work)


def test_rights_that_were_cached_are_forgotten() -> None:
    async def work() -> None:
        async with Shop(sole_writer=True) as shop:
            await shop.sold()
            spoil_a_document(shop)
            lane = shop.memory.lanes[LANE]
            shop.memory.lanes[LANE] = replace(lane, version=lane.version + 1)
            shop.billing.customers._cache.moved("ana", lane.version + 1)
            assert not (await shop.rights()).has("export")
            await rebuilt(shop)
            assert (await shop.rights()).has("export")

    run(work)


def test_one_customer_can_be_rebuilt_alone() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await busy_shop(shop)
            spoil_a_row(shop)
            shown = await shop.billing.rebuild.one(LANE, shadow=True)
            assert shown.status == CHANGED
            assert shown.stored != shown.rebuilt
            assert (await shop.billing.rebuild.one(LANE, shadow=False)).rebuilt == shown.rebuilt
            assert wrongs(shop) == []
            with pytest.raises(NotFound):
                await shop.billing.rebuild.one("customer:nobody", shadow=True)
            with pytest.raises(NotFound):
                await shop.billing.rebuild.resumed("run_none")

    run(work)
