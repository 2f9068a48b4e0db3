"""The history of a seed: what happens, decided beforehand and the same for every store.

Names carry the seed, so that many histories can lie in one database and none meets another.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import attrs

from purchase_core.facts.fact import Fact
from purchase_core.records.reference import Reference
from purchase_core.testing.sales import CONNECTIONS, Sale, later

CUSTOMERS = ("alice", "bob", "Ünï 🧾 %_'\"\\")
OFFERS = ("app:pro", "app:team", "book:full", "tokens:small")
SALES_MAX = 3
RENEWALS_MAX = 2
FACTS_OF_A_STEP_MAX = 3
STATES = ("incomplete", "trialing", "active", "past_due", "unpaid", "paused", "canceled")
REFUND_STATES = ("pending", "succeeded", "failed")
DISPUTE_STATES = ("open", "won", "lost")
SETTLED = ("done", "pending", "quarantined", "ignored")
COMMAND_STATES = ("planned", "sending", "confirmed", "refused", "unknown")
SPENDINGS = ("grant", "consume", "consume", "reserve", "settle", "release", "adjust", "use", "use")
SPENDING_KEYS = 6
MERGED = 0.4  # of the histories
SECONDS = (1, 29, 30, 31, 3_600)


@attrs.frozen
class Record:
    """Facts are decided on, and kept together with the event that told them; `event` may have come before."""

    facts: tuple[Fact, ...]
    event: int


@attrs.frozen
class Link:
    """A provider's customer is tied to one of ours."""

    reference: Reference


@attrs.frozen
class Keep:
    """An event is kept, to be worked off later."""

    event: int


@attrs.frozen
class Work:
    """Rows are claimed and settled; `late`: another worker claims them in between."""

    limit: int
    state: str
    late: bool


@attrs.frozen
class Ask:
    """A command is written: a new one, one that goes on, or one under a key that another holds."""

    key: int
    identifier: int
    state: str


@attrs.frozen
class Stale:
    """A decision on another version of a customer's lane than it has."""

    customer: str
    ahead: int


@attrs.frozen
class Again:
    """A batch that was committed is sent again, after a lost reply."""

    back: int


@attrs.frozen
class Spend:
    """Something is asked of a customer's credits or quotas, under a key that may have been used before."""

    kind: str
    customer: str
    amount: int
    key: int


@attrs.frozen
class Together:
    """Several of these are asked at the same time, and wait for each other."""

    asked: tuple[Spend, ...]


@attrs.frozen
class Merge:
    """One customer turns out to be another."""

    customer: str
    into: str


@attrs.frozen
class Wait:
    """Time passes."""

    seconds: int


@attrs.frozen
class Restart:
    """The store is closed and opened again."""


@attrs.frozen
class Drain:
    """Whatever is still in the inbox is worked off: the next history begins with an empty one."""


Step: TypeAlias = (
    Record | Link | Keep | Work | Ask | Stale | Again | Spend | Together | Merge | Wait | Restart | Drain
)


@attrs.frozen
class History:
    """Steps in their order. `facts` are all that the provider would tell if it were asked."""

    seed: int
    customers: tuple[str, ...]
    facts: tuple[Fact, ...]
    steps: tuple[Step, ...]


def history(seed: int) -> History:
    """The history of a seed."""
    chance = random.Random(seed)  # noqa: S311  # meant to be repeatable
    customers = tuple(f"{name}-{seed}" for name in CUSTOMERS)
    sales = [_sale(chance, seed * 10 + number, customers) for number in range(chance.randint(1, SALES_MAX))]
    facts = [fact for sale in sales for fact in _facts(chance, sale)]
    told: list[Step] = [*_told(chance, facts), *(Link(sale.link) for sale in sales if chance.random() < 0.9)]
    chance.shuffle(told)
    steps: list[Step] = []
    for one in told:
        steps += [one, *_meanwhile(chance, customers)]
    if chance.random() < MERGED:
        customer, into = chance.sample(customers, 2)
        steps.insert(chance.randint(len(steps) // 2, len(steps)), Merge(customer, into))
    return History(seed, customers, tuple(dict.fromkeys(facts)), (*steps, Drain()))


def _sale(chance: random.Random, number: int, customers: Sequence[str]) -> Sale:
    return Sale(
        number,
        chance.choice(customers),
        chance.choice(OFFERS),
        chance.choice(CONNECTIONS),
        quantity=chance.randint(1, 2),
        tagged=chance.random() < 0.7,
    )


def _facts(chance: random.Random, sale: Sale) -> Iterator[Fact]:
    """What a sale leaves behind. Instants are few, so that states often claim the same one."""
    yield sale.placed()
    yield sale.tried()
    yield sale.session(chance.choice(("open", "complete", "expired")), at=later(seconds=chance.randint(0, 2)))
    for status in _some(chance, ("open", "paid", "void")):
        yield sale.invoice(status, later(days=chance.randint(0, 2)))
    if sale.version.product == "subscription":
        for status in _some(chance, STATES):
            yield sale.subscription(status, later(days=chance.randint(0, 2)), period=chance.randint(0, 1))
        for period in range(1, 1 + chance.randint(0, RENEWALS_MAX)):
            yield sale.renewal(period, at=later(days=30 * period))
        if chance.random() < 0.2:
            yield sale.change(later(days=chance.randint(0, 2)))
    if chance.random() < 0.4:
        for status in _some(chance, REFUND_STATES):
            yield sale.refund(chance.choice((1, 300, sale.due)), status, later(days=chance.randint(0, 2)))
    if chance.random() < 0.2:
        yield sale.dispute(sale.due, chance.choice(DISPUTE_STATES), later(days=chance.randint(0, 2)))


def _some(chance: random.Random, among: Sequence[str]) -> list[str]:
    return chance.sample(among, chance.randint(1, min(3, len(among))))


def _told(chance: random.Random, facts: Sequence[Fact]) -> Iterator[Step]:
    """Facts in any order, some of them again; several may come with one event."""
    left = [*facts, *chance.sample(facts, len(facts) // 4)]
    chance.shuffle(left)
    event = 0
    while left:
        count = chance.randint(1, FACTS_OF_A_STEP_MAX)
        yield Record(tuple(left[:count]), chance.randint(0, event) if chance.random() < 0.1 else event)
        del left[:count]
        event += 1


def _spend(chance: random.Random, customers: Sequence[str]) -> Spend:
    kind, amount = chance.choice(SPENDINGS), chance.choice((1, 7, 50, 400))
    return Spend(kind, chance.choice(customers), amount, chance.randint(0, SPENDING_KEYS - 1))


def _meanwhile(chance: random.Random, customers: Sequence[str]) -> Iterator[Step]:
    """What else happens between two events: mostly nothing."""
    for _ in range(chance.choice((0, 0, 1, 1, 2))):
        match chance.randint(0, 27):
            case 0 | 1 | 2 | 3:
                yield Keep(chance.randint(1_000, 1_009))
            case 4 | 5 | 6 | 7:
                yield Work(chance.randint(1, 3), chance.choice(SETTLED), chance.random() < 0.3)
            case 8 | 9 | 10:
                yield Ask(chance.randint(0, 2), chance.randint(0, 3), chance.choice(COMMAND_STATES))
            case 11 | 12 | 13:
                yield Stale(chance.choice(customers), chance.choice((-1, 1, 7)))
            case 14 | 15 | 16:
                yield Again(chance.randint(1, 3))
            case 17 | 18 | 19:
                yield Wait(chance.choice(SECONDS))
            case 20 | 21 | 22 | 23 | 24:
                yield _spend(chance, customers)
            case 25 | 26:
                yield Together(tuple(_spend(chance, customers) for _ in range(chance.randint(2, 5))))
            case _:
                yield Restart()
