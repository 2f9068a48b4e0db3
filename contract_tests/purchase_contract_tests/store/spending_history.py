"""A history in which somebody spends: asked for, killed in the middle, and asked for again.

What is asked goes through the core, as it does in an application; the store under it is the one that is held
to the model. The model knows nothing of lots, rows or journals: it has two numbers and a list of promises.
"""

from __future__ import annotations

import asyncio
from typing import TypeAlias

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from purchase_contract_tests.store.base import StorePromises
from purchase_contract_tests.store.history import History
from purchase_core.access.policy import AccessPolicy
from purchase_core.errors import ExceedsBalance, IdempotencyConflict, UsageError, WrongState
from purchase_core.identifiers import SeededIds
from purchase_core.instants import Instant, to_datetime
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.recorder import Recorder
from purchase_core.reads.wallets import Wallets
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.sales import CATALOG, VERSIONS
from purchase_core.workflows.credits import Credits
from purchase_core.workflows.requests import Requests
from purchase_core.workflows.usage import Usage

CLEO, UNIT, QUOTA = "cleo", "ai", "api"
LIMIT = 10  # of the plan that everybody has, in a month
HELD_SECONDS = 30
FRESH_KEYS = 1_000
GRANTED = 20

KINDS = st.sampled_from(("grant", "consume", "consume", "reserve", "settle", "release", "use"))
AMOUNTS, KEYS = st.sampled_from((1, 3, 8)), st.integers(0, 3)

Told: TypeAlias = int | type[Exception]
"""What is left afterwards, or why not."""


@attrs.define
class Model:
    """What cleo has. `told` is what was asked under each key, and answered."""

    credits: int = 0
    holds: dict[int, tuple[int, Instant]] = attrs.Factory(dict)
    used: dict[tuple[int, int], int] = attrs.Factory(dict)
    told: dict[tuple[str, int], tuple[int, int]] = attrs.Factory(dict)

    def held(self, now: Instant) -> int:
        """What is reserved."""
        return sum(amount for amount, until in self.holds.values() if now < until)

    def left(self, now: Instant) -> int:
        """What can be spent."""
        return self.credits - self.held(now)

    def uses(self, now: Instant) -> int:
        """What was used this month."""
        day = to_datetime(now)
        return self.used.get((day.year, day.month), 0)

    def ask(self, kind: str, amount: int, key: int, now: Instant) -> Told:
        """What must be told, and what becomes of it."""
        amount = 0 if kind == "release" else amount
        known = self.told.get((kind, key))
        if known is not None:
            return known[1] if known[0] == amount else IdempotencyConflict
        refused = self._refused(kind, amount, key, now)
        if refused is not None:
            return refused
        self._do(kind, amount, key, now)
        left = LIMIT - self.uses(now) if kind == "use" else self.left(now)
        self.told[kind, key] = (amount, left)
        return left

    def _refused(self, kind: str, amount: int, key: int, now: Instant) -> type[Exception] | None:
        held, until = self.holds.get(key, (0, now))
        match kind:
            case "consume" | "reserve" if amount > self.left(now):
                return ExceedsBalance
            case "use" if self.uses(now) + amount > LIMIT:
                return ExceedsBalance
            case "settle" | "release" if until <= now:
                return WrongState
            case "settle" if amount > held:
                return ExceedsBalance
            case _:
                return None

    def _do(self, kind: str, amount: int, key: int, now: Instant) -> None:
        match kind:
            case "grant":
                self.credits += amount
            case "consume":
                self.credits -= amount
            case "reserve":
                self.holds[key] = (amount, Instant(now + HELD_SECONDS * 1_000_000))
            case "settle" | "release":
                self.credits -= amount
                del self.holds[key]
            case _:
                day = to_datetime(now)
                self.used[day.year, day.month] = self.uses(now) + amount


class SpendingHistory(History):
    """The same, with cleo in it."""

    def __init__(self, contract: StorePromises) -> None:
        super().__init__(contract)
        self.purse = Model()
        self.ids = SeededIds(1)

    @initialize()
    def begin(self) -> None:
        """With something to spend."""
        self.spend("grant", GRANTED, FRESH_KEYS)

    @rule(kind=KINDS, amount=AMOUNTS, key=KEYS)
    def spend(self, kind: str, amount: int, key: int) -> None:
        """Ask for something, under a key that may have been used before."""
        expected = self.purse.ask(kind, amount, key, self.now)
        assert self.run(lambda: self._ask(kind, amount, key)) == expected

    @rule(amounts=st.lists(AMOUNTS, min_size=2, max_size=4))
    def spend_at_once(self, amounts: list[int]) -> None:
        """Several consume at the same time: nothing is spent that was not there, and each is told once."""
        keys = [FRESH_KEYS + len(self.purse.told) + place for place in range(len(amounts))]
        asked = [("consume", amount, key) for amount, key in zip(amounts, keys, strict=True)]
        told = self.run(lambda: self._ask_all(asked))
        # Whatever the order in which they were decided, what was left tells it.
        decided = sorted(zip(asked, told, strict=True), key=lambda one: -_number(one[1]))
        for one, answer in decided:
            assert self.purse.ask(*one, self.now) == answer

    @precondition(lambda self: self.durable)
    @rule(kind=KINDS, amount=AMOUNTS, key=KEYS, turns=st.integers(0, 6))
    def die_spending(self, kind: str, amount: int, key: int, turns: int) -> None:
        """The process ends in the middle of it; whoever asks the next one again is told what is true."""
        self.run(lambda: self._ask_and_die(kind, amount, key, turns))
        self.restart()
        self.spend(kind, amount, key)

    @invariant()
    def spends_what_there_is(self) -> None:
        """What the wallet and the quota say is what the model holds, and the journal proves it."""
        self.run(self._compare_wallet)

    async def _compare_wallet(self) -> None:
        credits_, usage = self._spending()
        wallet = await credits_.wallet(CLEO, UNIT)
        assert (wallet.spendable, wallet.held) == (self.purse.left(self.now), self.purse.held(self.now))
        assert (await usage.current(QUOTA, customer=CLEO)).used == self.purse.uses(self.now)
        assert (await credits_.verify(CLEO)).problems == ()

    def _spending(self) -> tuple[Credits, Usage]:
        """The core over the store as it is now; nothing that it remembers outlives one request."""
        clock, store = ManualClock(self.now), self.store
        shelf = OfferShelf(store, VERSIONS.values())
        recorder = Recorder(store, shelf, clock, self.ids, lambda _batch: None)
        requests = Requests(store, recorder)
        return (
            Credits(Wallets(store, shelf, clock), requests, clock, self.ids),
            Usage(store, requests, shelf, AccessPolicy(), CATALOG.defaults, clock),
        )

    async def _ask(self, kind: str, amount: int, key: int) -> Told:
        return await _told(*self._spending(), kind, amount, key)

    async def _ask_all(self, asked: list[tuple[str, int, int]]) -> list[Told]:
        credits_, usage = self._spending()
        return await asyncio.gather(*(_told(credits_, usage, *one) for one in asked))

    async def _ask_and_die(self, kind: str, amount: int, key: int, turns: int) -> None:
        asking = asyncio.create_task(self._ask(kind, amount, key))
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])


def _number(told: Told) -> int:
    return told if isinstance(told, int) else -1


async def _told(credits_: Credits, usage: Usage, kind: str, amount: int, key: int) -> Told:
    name, reservation = f"cleo-{key}", f"reserve:cleo-{key}"
    try:
        match kind:
            case "grant":
                answer = await credits_.grant(CLEO, UNIT, amount, idempotency_key=name)
            case "consume":
                answer = await credits_.consume(CLEO, UNIT, amount, idempotency_key=name)
            case "reserve":
                answer = await credits_.reserve(
                    CLEO, UNIT, amount, idempotency_key=name, timeout_seconds=HELD_SECONDS
                )
            case "settle":
                answer = await credits_.settle(CLEO, reservation, amount, idempotency_key=name)
            case "release":
                answer = await credits_.release(CLEO, reservation, idempotency_key=name)
            case _:
                used = await usage.try_use(QUOTA, amount, customer=CLEO, idempotency_key=name)
                return used.remaining if used.allowed else ExceedsBalance
    except UsageError as error:
        return type(error)
    return answer.balance
