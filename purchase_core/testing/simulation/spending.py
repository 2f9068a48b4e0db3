"""What the application does with credits and quotas: it gives, spends, reserves, adjusts and counts."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import attrs

from purchase_core.billing import Billing
from purchase_core.catalog.versions import CreditGrant, QuotaGrant
from purchase_core.errors import ExceedsBalance
from purchase_core.instants import DAY, HOUR, SECOND, Instant, to_datetime
from purchase_core.testing.simulation.asking import DONE, OPEN, REFUSED, Ask, Spend
from purchase_core.testing.simulation.turns import Activity
from purchase_core.testing.simulation.world import World

SPENDS_MAX = 14
EDGE_SECONDS, EDGE_USES = 90, 3
TIMEOUTS_SECONDS = (60, 15 * 60, 2 * 86_400)


def give(world: World) -> Activity | None:
    """Somebody is given credits."""
    unit = _unit(world)
    amount, last = world.chance.one_of((5, 20, 60)), world.chance.one_of((0, HOUR, 9 * DAY, 40 * DAY))
    ends = Instant(world.clock.now() + last) if last else None
    at = None if ends is None else to_datetime(ends)
    return _made(
        world,
        Spend("grant", world.chance.one_of(world.customers), unit, amount, expires_at=ends),
        lambda billing, one: billing.credits.grant(
            one.customer, one.unit, one.amount, idempotency_key=one.key, expires_at=at
        ),
    )


def consume(world: World) -> Activity | None:
    """Somebody spends: some, all that there is, or more."""
    return _made(
        world,
        _of_a_wallet(world, "consume"),
        lambda billing, one: billing.credits.consume(
            one.customer, one.unit, one.amount, idempotency_key=one.key
        ),
    )


def reserve(world: World) -> Activity | None:
    """Credits are held for a while."""
    seconds = world.chance.one_of(TIMEOUTS_SECONDS)
    return _made(
        world,
        _of_a_wallet(world, "reserve"),
        lambda billing, one: billing.credits.reserve(
            one.customer, one.unit, one.amount, idempotency_key=one.key, timeout_seconds=seconds
        ),
    )


def end(world: World) -> Activity | None:
    """A reservation is settled, wholly or in part, or let go; a second time perhaps, or when it is over."""
    held = [one for one in world.spends if one.kind == "reserve" and one.ask.state == DONE]
    if not held:
        return None
    one = world.chance.one_of(held)
    reservation = one.ask.answer.movement  # type: ignore[attr-defined]  # it is an Answer
    if world.chance.below(3) == 0:
        return _made(
            world,
            Spend("release", one.customer, one.unit, 0, reservation=reservation),
            lambda billing, other: billing.credits.release(
                other.customer, reservation, idempotency_key=other.key
            ),
        )
    amount = world.chance.one_of((0, one.amount // 2, one.amount, one.amount + 1))
    return _made(
        world,
        Spend("settle", one.customer, one.unit, amount, reservation=reservation),
        lambda billing, other: billing.credits.settle(
            other.customer, reservation, other.amount, idempotency_key=other.key
        ),
    )


def adjust(world: World) -> Activity | None:
    """An operator puts a wallet right."""
    wish = _of_a_wallet(world, "adjust")
    sign = world.chance.one_of((1, -1))
    return _made(
        world,
        attrs.evolve(wish, amount=sign * wish.amount) if wish else None,
        lambda billing, one: billing.credits.adjust(
            one.customer, one.unit, one.amount, reason="counted by hand", idempotency_key=one.key
        ),
    )


def use(world: World) -> Activity | None:
    """A quota is used: a little, or up to its limit and beyond."""
    names = sorted({grant.feature for grant in _grants(world) if isinstance(grant, QuotaGrant)})
    if not names:
        return None
    quota, customer = world.chance.one_of(names), world.chance.one_of(world.customers)
    left = world.read(world.reader.usage.current(quota, customer=customer)).remaining
    amount = max(1, world.chance.one_of((1, left // 2, left, left + 1)))
    return _made(world, Spend("use", customer, quota, amount), _use)


def use_at_the_edge(world: World) -> list[Activity]:
    """A quota is used where its window ends, by processes whose clocks differ: for some it has ended."""
    names = sorted({grant.feature for grant in _grants(world) if isinstance(grant, QuotaGrant)})
    if not (names and world.present.skew):
        return []
    quota, customer = world.chance.one_of(names), world.chance.one_of(world.customers)
    ends = world.read(world.reader.usage.current(quota, customer=customer)).window_end
    now = world.clock.now()
    if ends is None or ends <= now:
        return []
    world.pass_time(max(0, ends - now - world.chance.below(EDGE_SECONDS) * SECOND))
    asked = (_made(world, Spend("use", customer, quota, 1), _use) for _ in range(EDGE_USES))
    return [one for one in asked if one is not None]


async def _use(billing: Billing, one: Spend) -> Any:
    state = await billing.usage.try_use(one.unit, one.amount, customer=one.customer, idempotency_key=one.key)
    if not state.allowed:
        raise ExceedsBalance("the limit does not allow it")
    return state


def at_once(world: World) -> list[Activity]:
    """The application asks for the same thing twice at the same time, in whatever processes."""
    waiting = [one.ask for one in world.spends if one.ask.state in (OPEN, REFUSED)]
    ask = world.chance.one_of(waiting) if waiting else None
    return [world.ask(ask), world.ask(ask)] if ask else []


def _grants(world: World) -> list[object]:
    return [grant for version in world.scenario.catalog.offers.values() for grant in version.grants]


def _unit(world: World) -> str:
    units = sorted({grant.unit for grant in _grants(world) if isinstance(grant, CreditGrant)})
    return world.chance.one_of(units) if units else "extra"


def _of_a_wallet(world: World, kind: str) -> Spend | None:
    """Something to be taken of a wallet in which there is something, mostly."""
    unit, first = _unit(world), world.chance.below(len(world.customers))
    for customer in (*world.customers[first:], *world.customers[:first]):
        left = world.read(world.reader.credits.wallet(customer, unit)).spendable
        if left:
            break
    else:
        if world.chance.below(16):
            return None
    amount = max(1, world.chance.one_of((1, left // 3, left // 2, left, left, left + 1)))
    return Spend(kind, customer, unit, amount)


def _made(
    world: World, wish: Spend | None, make: Callable[[Billing, Spend], Coroutine[Any, Any, Any]]
) -> Activity | None:
    if wish is None or len(world.spends) >= SPENDS_MAX:
        return None
    one = wish
    one.key = f"spend-{len(world.spends)}"
    name = f"{one.key} ({one.kind} {one.amount} {one.unit}, {one.customer})"
    # Whether a window has ended, clocks that differ tell differently: one may refuse what another counts.
    kept = not (one.kind == "use" and world.faults.skew)
    one.ask = Ask(name, lambda billing: make(billing, one), lambda answer: answer, kept=kept)
    world.spends.append(one)
    return world.ask(one.ask)


KINDS = (
    ("give", give, 3),
    ("consume", consume, 12),
    ("reserve", reserve, 7),
    ("end", end, 9),
    ("adjust", adjust, 2),
    ("use", use, 5),
    ("use-at-the-edge", use_at_the_edge, 5),
    ("at-once", at_once, 3),
)
