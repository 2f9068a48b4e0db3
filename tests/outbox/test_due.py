"""What has fallen due is found by its deadline, and costs what fell due, however many there are."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from purchase_core.access.policy import AccessPolicy, AccessRules
from purchase_core.errors import StoreUnavailable
from purchase_core.facts.bodies import InvoiceSeen
from purchase_core.facts.fact import Fact
from purchase_core.facts.rows import LotRow, Row, SubscriptionRow
from purchase_core.identifiers import SeededIds
from purchase_core.instants import DAY, SECOND, Instant
from purchase_core.outbox.settings import TickSettings
from purchase_core.outbox.tick import Tick
from purchase_core.ports.batch import Batch
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.recorder import Recorder
from purchase_core.projection.work import Work
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.memory_store import MemoryStore
from purchase_core.testing.sales import T0, VERSIONS, Sale, again, later, price_references

GRACE_DAYS = AccessRules().past_due_grace_seconds // 86_400
SLACK_DAYS = AccessRules().renewal_slack_seconds // 86_400
PERIOD_DAYS = 30
HOUR_SECONDS = 3_600
SALE = Sale()
BOUGHT = (SALE.placed(), SALE.tried(), SALE.session(), SALE.invoice(), SALE.subscription())


class Counting(MemoryStore):
    """Counts what is read, method by method."""

    def __init__(self) -> None:
        super().__init__()
        self.read: Counter[str] = Counter()

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in ("due", "rows", "effects", "known_effects"):
            return found

        async def counted(*given: Any, **named: Any) -> Any:
            answer = await found(*given, **named)
            self.read[name] += len(answer)
            return answer

        return counted


class Told:
    """Facts that are recorded, and a tick that looks for what comes of them."""

    def __init__(self, policy: AccessPolicy | None = None, *, seconds: int = HOUR_SECONDS) -> None:
        self.store = Counting()
        self.clock = ManualClock(T0)
        self._offers = OfferShelf(self.store, VERSIONS.values())
        self._recorder = Recorder(self.store, self._offers, self.clock, SeededIds(1), lambda _batch: None)
        self._policy, self._seconds = policy or AccessPolicy(), seconds
        self.tick = self.process()

    def process(self) -> Tick:
        """One that has never looked."""
        settings = TickSettings(seconds=self._seconds)
        return Tick(self.store, self._recorder, self._offers, self._policy, self.clock, settings)

    async def record(self, *facts: Fact) -> None:
        """Take in what was seen."""
        prices = Batch(
            f"prices_{facts[0].key}", T0, prices=price_references(), offers=tuple(VERSIONS.values())
        )
        await self.store.commit(prices)
        await self._recorder.record(Work(facts), cause="test", addition=lambda batch: batch)

    async def at(self, instant: Instant) -> Sequence[str]:
        """The names of what is told at an instant."""
        self.clock.set_to(instant)
        before = set(self.store.database.effects)
        count = await self.tick.work()
        fresh = [one for key, one in self.store.database.effects.items() if key not in before]
        assert count == len(fresh)
        return sorted(one.name for one in fresh)


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(work())  # type: ignore[arg-type]  # a coroutine each


def unpaid(period: int, due_at: Instant | None) -> tuple[Fact, Fact]:
    """A renewal that is not paid, and the subscription that says so."""
    bill = SALE.renewal(period, "open", later(days=PERIOD_DAYS * period))
    assert isinstance(bill.body, InvoiceSeen)
    asked = again(bill, replace(bill.body, due_at=due_at))
    return asked, SALE.subscription("past_due", later(days=PERIOD_DAYS * period), period=period)


@pytest.mark.parametrize("asked_days", [None, PERIOD_DAYS, PERIOD_DAYS + 3])
def test_what_is_not_paid_lapses_when_its_grace_is_over(asked_days: int | None) -> None:
    """Counted from when its money was asked for; where nobody tells that, from when its period began."""

    async def work() -> None:
        told = Told()
        await told.record(*BOUGHT)
        await told.record(*unpaid(1, None if asked_days is None else later(days=asked_days)))
        end = later(days=(asked_days or PERIOD_DAYS) + GRACE_DAYS)
        assert "subscription.lapsed" not in await told.at(Instant(end - SECOND))
        assert await told.at(Instant(end + HOUR_SECONDS * SECOND)) == ["subscription.lapsed"]
        assert await told.at(Instant(end + 2 * HOUR_SECONDS * SECOND)) == []

    run(work)


def test_a_product_with_rules_of_its_own_lapses_by_those() -> None:
    async def work() -> None:
        rules = AccessRules(renewal_slack_seconds=5 * 86_400)
        told = Told(AccessPolicy(products={"app": rules}))
        await told.record(*BOUGHT)
        silent = later(days=PERIOD_DAYS + SLACK_DAYS)
        assert await told.at(Instant(silent + SECOND)) == ["credits.expired"]
        assert await told.at(Instant(later(days=PERIOD_DAYS + 5) - SECOND)) == []
        assert await told.at(later(days=PERIOD_DAYS + 5, seconds=HOUR_SECONDS)) == ["subscription.lapsed"]

    run(work)


def test_a_cancellation_ends_with_its_period_and_not_after_the_slack() -> None:
    async def work() -> None:
        told = Told()
        seen = SALE.subscription()
        end = later(days=PERIOD_DAYS)
        await told.record(*BOUGHT[:-1], again(seen, replace(seen.body, cancel_at=end)))
        assert "subscription.lapsed" not in await told.at(Instant(end - SECOND))
        assert "subscription.lapsed" in await told.at(Instant(end + HOUR_SECONDS * SECOND))

    run(work)


def test_what_is_heard_of_late_is_told_within_a_day() -> None:
    async def work() -> None:
        told = Told()
        assert await told.at(later(days=PERIOD_DAYS + 3)) == []
        await told.record(*BOUGHT)
        assert await told.at(later(days=PERIOD_DAYS + 3, seconds=HOUR_SECONDS)) == []
        assert await told.at(later(days=PERIOD_DAYS + 4)) == ["credits.expired", "subscription.lapsed"]

    run(work)


def test_what_a_look_could_not_write_is_found_by_the_next() -> None:
    async def work() -> None:
        told = Told()
        await told.record(*BOUGHT)
        end = later(days=PERIOD_DAYS + SLACK_DAYS)
        assert await told.at(later(days=1)) == []
        told.store._closed = True
        told.clock.set_to(Instant(end + SECOND))
        with pytest.raises(StoreUnavailable):
            await told.tick.work()
        told.store._closed = False
        assert await told.at(Instant(end + 6 * HOUR_SECONDS * SECOND)) == [
            "credits.expired",
            "subscription.lapsed",
        ]

    run(work)


def others(count: int, now: Instant) -> dict[tuple[type[Row], str], Row]:
    """Rows of customers of whom nothing falls due today."""
    store = Told()
    asyncio.run(store.record(*BOUGHT))
    rows = store.store.database.rows.values()
    (held,) = (one for one in rows if isinstance(one, SubscriptionRow))
    (lot,) = (one for one in rows if isinstance(one, LotRow))
    made: list[Row] = []
    for number in range(count):
        whose: dict[str, Any] = {"key": f"other:{number}", "lane": f"customer:other_{number}"}
        made.append(replace(held, **whose, period_end=Instant(now + (1 + number % 28) * DAY)))
        made.append(replace(lot, **whose, expires_at=Instant(now + (1 + number % 28) * DAY)))
        ended = {"key": f"ended:{number}", "lane": whose["lane"], "status": "canceled"}
        made.append(replace(held, **ended, period_end=Instant(now - HOUR_SECONDS * SECOND)))
    return {(type(one), one.key): one for one in made}


def test_a_look_reads_what_fell_due_however_many_customers_there_are() -> None:
    now = later(days=PERIOD_DAYS + SLACK_DAYS, seconds=HOUR_SECONDS)
    cost = []
    for count in (0, 300):
        crowd = others(count, now)

        async def work(crowd: dict[tuple[type[Row], str], Row] = crowd) -> None:
            told = Told()
            await told.record(*BOUGHT)
            told.store.database.rows.update(crowd)
            await told.at(Instant(now - 2 * HOUR_SECONDS * SECOND))
            told.store.read.clear()
            assert await told.at(now) == ["subscription.lapsed"]
            cost.append(dict(told.store.read))

        run(work)
    assert cost[0] == cost[1]
    assert cost[0].get("rows", 0) == 0
    assert cost[0]["due"] == 1, "the lot that expired a day ago was told of then"
