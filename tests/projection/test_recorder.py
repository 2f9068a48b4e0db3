"""What the recorder stores is the fold of all facts, whatever the order, the batches and the company."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purchase_core.facts.fact import Fact
from purchase_core.facts.fold import canonical_hash, fold, rows_of
from purchase_core.facts.rows import CaseRow, Row
from purchase_core.records.lane import customer_lane
from purchase_core.records.reference import Reference
from purchase_core.testing.bench import Bench, mapped, problems
from purchase_core.testing.histories import History, histories
from purchase_core.testing.memory_store import MemoryDatabase
from purchase_core.testing.sales import VERSIONS, Sale, later

SALE = Sale(tagged=False)


def found_wrong(bench: Bench) -> list[str]:
    """What in the bench's database contradicts itself."""
    return list(problems(bench.database, now=bench.clock.now()))


def rows_expected(history: History, customer: str) -> list[Row]:
    """The rows of one customer: the fold of all facts of what they bought."""
    numbers = {
        fact.object.rpartition("_")[2]
        for fact in history.facts
        if fact.kind == "intent" and getattr(fact.body, "customer", "") == customer
    }
    mine = [
        fact for fact in history.facts if fact.object.rpartition(":")[2].split("_")[_place(fact)] in numbers
    ]
    return rows_of(fold(customer_lane(customer), mapped(mine)), VERSIONS)


def _place(fact: Fact) -> int:
    """Where in an identifier of the histories the sale's number is: re_in_1_1_2, in_1_1, sub_1_1."""
    return 2 if fact.kind in ("refund", "dispute") else 1


def assert_as_expected(bench: Bench, history: History) -> None:
    """Nothing contradicts itself, and every customer has exactly what their facts make."""
    assert found_wrong(bench) == []
    for customer in ("alice", "bob"):
        assert bench.hash(customer) == canonical_hash(rows_expected(history, customer))
    assert {row.lane for row in bench.rows()} <= {customer_lane("alice"), customer_lane("bob")}


async def work_off(bench: Bench, events: Sequence[Fact | Reference | Sequence[Fact]]) -> None:
    """Record facts and batches of facts, and write links, in this order."""
    for event in events:
        match event:
            case Reference():
                await bench.link(event)
            case Fact():
                await bench.record(event)
            case _:
                await bench.record(*event)


def in_batches(
    data: st.DataObject, events: Sequence[Fact | Reference]
) -> list[Fact | Reference | list[Fact]]:
    """The events in the same order, some neighbouring facts in one batch."""
    batches: list[Fact | Reference | list[Fact]] = []
    for event in events:
        last = batches[-1] if batches else None
        if isinstance(event, Fact) and isinstance(last, list) and data.draw(st.booleans()):
            last.append(event)
        else:
            batches.append([event] if isinstance(event, Fact) else event)
    return batches


@given(histories(), st.data())
@settings(max_examples=40, deadline=None)
def test_i03_what_is_stored_is_the_fold_whatever_the_order_and_the_batches(
    history: History, data: st.DataObject
) -> None:
    """I3 and I13: links before, between and after, duplicates, any split: the same rows."""
    doubled = data.draw(st.lists(st.sampled_from(history.facts), max_size=3))
    every: list[Fact | Reference] = [*history.facts, *doubled, *history.links]
    events = data.draw(st.permutations(every))

    async def scenario() -> None:
        bench = await Bench(world=history.facts).open()
        await work_off(bench, in_batches(data, events))
        assert_as_expected(bench, history)

    asyncio.run(scenario())


@given(histories(), st.data())
@settings(max_examples=25, deadline=None)
def test_i13_nothing_contradicts_itself_after_any_step(history: History, data: st.DataObject) -> None:
    """I13 at every moment, not only at the end; and a replay of everything changes nothing."""
    every: list[Fact | Reference] = [*history.facts, *history.links]
    events = data.draw(st.permutations(every))

    async def scenario() -> None:
        bench = await Bench(world=history.facts).open()
        for event in events:
            await work_off(bench, [event])
            assert found_wrong(bench) == []
        before, effects = dict(bench.database.rows), dict(bench.database.effects)
        await work_off(bench, events)
        assert bench.database.rows == before
        assert bench.database.effects == effects

    asyncio.run(scenario())


@given(histories(), st.data())
@settings(max_examples=25, deadline=None)
def test_two_processes_at_once_store_the_fold_too(history: History, data: st.DataObject) -> None:
    """Two recorders over one database, all events at once, each await a chance to be overtaken.

    Intents come first: they are committed before anybody can name them.
    """
    intents = [fact for fact in history.facts if fact.kind == "intent"]
    others: list[Fact | Reference] = [fact for fact in history.facts if fact not in intents]
    events = data.draw(st.permutations([*others, *history.links]))
    sides = data.draw(st.lists(st.integers(0, 1), min_size=len(events), max_size=len(events)))
    pauses = data.draw(st.lists(st.integers(0, 3), min_size=len(events), max_size=len(events)))

    async def scenario() -> None:
        database = MemoryDatabase(1)
        benches = [await slow(Bench(database, world=history.facts)).open() for _ in range(2)]
        await work_off(benches[0], intents)

        async def one(event: Fact | Reference, side: int, pause: int) -> None:
            for _ in range(pause):
                await asyncio.sleep(0)
            await work_off(benches[side], [event])

        await asyncio.gather(*map(one, events, sides, pauses))
        assert_as_expected(benches[0], history)

    asyncio.run(scenario())


@given(histories(), st.data())
@settings(max_examples=40, deadline=None)
def test_i03_events_that_wait_for_each_other_store_the_fold_too(
    history: History, data: st.DataObject
) -> None:
    """All at once in one process: what waits for one lane is decided in sequence, and shares a commit."""
    intents = [fact for fact in history.facts if fact.kind == "intent"]
    others: list[Fact | Reference] = [fact for fact in history.facts if fact not in intents]
    events = data.draw(st.permutations([*others, *history.links]))

    async def scenario() -> None:
        bench = await slow(Bench(world=history.facts)).open()
        await work_off(bench, intents)
        await asyncio.gather(*(work_off(bench, [event]) for event in events))
        assert_as_expected(bench, history)

    asyncio.run(scenario())


def slow(bench: Bench) -> Bench:
    """The bench, with a store that lets others go first before each read and each commit."""
    look, commit, commit_all = bench.store.look, bench.store.commit, bench.store.commit_all

    async def slow_look(question):  # type: ignore[no-untyped-def]
        await asyncio.sleep(0)
        found = await look(question)
        await asyncio.sleep(0)
        return found

    async def slow_commit(batch):  # type: ignore[no-untyped-def]
        await asyncio.sleep(0)
        await commit(batch)

    async def slow_commit_all(batches):  # type: ignore[no-untyped-def]
        await asyncio.sleep(0)
        await commit_all(batches)

    bench.store.look, bench.store.commit = slow_look, slow_commit  # type: ignore[method-assign]
    bench.store.commit_all = slow_commit_all  # type: ignore[method-assign]
    return bench


@pytest.mark.parametrize("when", ["before", "between", "after"])
def test_a_link_finds_what_waits_whenever_it_comes(when: str) -> None:
    """Without metadata and without a link, objects wait; with the link they are the customer's."""
    facts = [SALE.subscription(), SALE.invoice(), SALE.renewal(1), SALE.refund(100)]
    events: list[Fact | Reference] = list(facts)
    events.insert({"before": 0, "between": 2, "after": 4}[when], SALE.link)

    async def scenario() -> None:
        bench = await Bench(world=facts).open()
        await work_off(bench, events)
        assert found_wrong(bench) == []
        assert {row.lane for row in bench.rows()} == {customer_lane("alice")}
        expected = rows_of(fold(customer_lane("alice"), mapped(facts)), VERSIONS)
        assert bench.hash("alice") == canonical_hash(expected)

    asyncio.run(scenario())


def test_several_renewals_wait_together_for_their_owner() -> None:
    """A fact about an agreement that waits joins it; a case shows the money, until the agreement is heard of.

    Who pays them does not tell whose they are: somebody may pay for another.
    """

    async def scenario() -> None:
        bench = await Bench().open()
        for period in (1, 2, 3):
            await bench.record(SALE.renewal(period))
        waiting = [row for row in bench.rows() if isinstance(row, CaseRow)]
        assert {row.lane for row in waiting} == {"object:subscription:stripe-eu:sub_1_1"}
        assert [(row.kind, row.amount) for row in waiting] == [("unmatched", 1_000)] * 3
        await bench.link(SALE.link)
        assert [row for row in bench.rows() if isinstance(row, CaseRow)] == waiting
        await bench.record(SALE.subscription())
        assert [row for row in bench.rows() if isinstance(row, CaseRow)] == []
        assert {row.lane for row in bench.rows()} == {customer_lane("alice")}
        assert found_wrong(bench) == []

    asyncio.run(scenario())


def test_a_renewal_follows_its_subscription_without_any_customer_link() -> None:
    """The first invoice carried our reference; renewals name nothing and find their way all the same."""
    sale = Sale()

    async def scenario() -> None:
        bench = await Bench().open()
        await bench.record(sale.placed(), sale.tried())
        await bench.record(sale.subscription())
        await bench.record(sale.renewal(1))
        assert {row.lane for row in bench.rows()} == {customer_lane("alice")}
        assert found_wrong(bench) == []

    asyncio.run(scenario())


def test_links_are_never_chained() -> None:
    """A session's lane joins its subscription's, and both the customer's: facts of both are rebuilt."""

    async def scenario() -> None:
        bench = await Bench().open()
        await bench.record(SALE.session("open"))
        assert bench.rows() == []
        await bench.record(SALE.subscription())
        await bench.record(SALE.session(at=later(seconds=1)))
        await bench.link(SALE.link)
        assert found_wrong(bench) == []

    asyncio.run(scenario())


def overtaken(bench: Bench, method: str, by: Callable[[], Awaitable[object]]) -> None:
    """Let something else happen, whole, at the next call of a method of the bench's store."""
    original = getattr(bench.store, method)

    async def late(*arguments: object) -> object:
        setattr(bench.store, method, original)
        if method == "commit":
            await by()
            return await original(*arguments)
        answer = await original(*arguments)
        await by()
        return answer

    setattr(bench.store, method, late)


def test_a_fact_that_is_placed_while_its_link_is_written_finds_it() -> None:
    """Both step the guard of the provider's customer, so the fact is placed again."""

    async def scenario() -> None:
        one = await Bench().open()
        two = Bench(one.database)
        overtaken(one, "commit", lambda: two.link(SALE.link))
        await one.record(SALE.subscription())
        assert found_wrong(one) == []
        assert {row.lane for row in one.rows()} == {customer_lane("alice")}

    asyncio.run(scenario())


@pytest.mark.parametrize("moment", ["references_of", "look", "commit"])
def test_a_link_finds_what_came_while_it_was_written(moment: str) -> None:
    """Whether before it read the lanes, or after."""

    async def scenario() -> None:
        one = await Bench().open()
        two = Bench(one.database)
        overtaken(two, moment, lambda: one.record(SALE.subscription()))
        await two.link(SALE.link)
        assert found_wrong(one) == []
        assert {row.lane for row in one.rows()} == {customer_lane("alice")}

    asyncio.run(scenario())


def test_two_that_see_an_agreement_for_the_first_time_at_once_put_it_in_one_place() -> None:
    """One knows the owner, the other does not: both step the agreement's home."""

    async def scenario() -> None:
        for owned_first in (True, False):
            one = await Bench().open()
            two = Bench(one.database)
            await one.record(SALE.placed(), SALE.tried())
            first, second = SALE.session(), SALE.subscription()
            if not owned_first:
                first, second = second, first

            async def other(bench: Bench = two, fact: Fact = second) -> None:
                await bench.record(fact)

            overtaken(one, "commit", other)
            await one.record(first)
            assert found_wrong(one) == []
            assert {row.lane for row in one.rows()} == {customer_lane("alice")}

    asyncio.run(scenario())


def test_one_batch_may_hold_a_refund_before_its_invoice() -> None:
    """Within one piece of work nothing needs to come first, and nothing is looked up that is there."""

    async def scenario() -> None:
        bench = await Bench().open()
        recorded = await bench.record(SALE.refund(100), SALE.invoice())
        assert (recorded.needs, recorded.foreign) == ((), 0)
        assert {fact.fact.kind for fact in bench.database.facts.values()} == {"refund", "invoice"}

    asyncio.run(scenario())
