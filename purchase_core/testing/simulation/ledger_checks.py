"""Checks of credits and quotas: nothing is spent twice, nothing beyond what there is, and nothing is lost."""

from __future__ import annotations

from collections.abc import Sequence

from purchase_core.errors import ExceedsBalance
from purchase_core.instants import SECOND
from purchase_core.ports.paging import every_movement
from purchase_core.records.movement import SPENT, Movement
from purchase_core.testing.simulation.ledger import unbooked
from purchase_core.testing.simulation.oracle.quotas import beyond, used_in, window
from purchase_core.testing.simulation.oracle.rights import CALENDAR, allowed
from purchase_core.testing.simulation.oracle.truth import Truth
from purchase_core.testing.simulation.oracle.wallets import Sums, Wallets
from purchase_core.testing.simulation.process import SKEW_SECONDS_MAX
from purchase_core.testing.simulation.world import World


def journals_read(world: World) -> None:
    """I5: each movement, when it is booked, takes no more than there is."""
    if not world.booked:
        return
    world.booked = False
    for customer, journal in world.journals.items():
        for movement in world.read(_behind(world, customer, len(journal.movements))):
            for problem in journal.read(movement):
                world.found("overdrawn", problem)


async def _behind(world: World, customer: str, place: int) -> Sequence[Movement]:
    return [one async for one in every_movement(world.store, f"customer:{customer}", after=place)]


def ledger_checked(world: World, truth: Truth, wallets: Wallets) -> None:
    """All of them, once everything was heard of."""
    for problem in unbooked(world.spends, world.journals):
        world.found("booked", problem)
    for problem in beyond(truth.ledger.uses):
        world.found("overdrawn", problem)
    _in_time(world, truth, wallets)
    for customer in world.customers:
        _wallets(world, wallets, customer)
        _quotas(world, truth, customer)


def _in_time(world: World, truth: Truth, wallets: Wallets) -> None:
    """I5: what had expired was not spent."""
    for one in truth.ledger.takings:
        for key, _ in one.parts:
            lot = wallets.lots.get(key)
            if lot is not None and not lot.live(one.at):
                world.found("overdrawn", f"{key} had expired when {one.customer} spent of it")


def _wallets(world: World, wallets: Wallets, customer: str) -> None:
    """I5: what can be spent, what is held, and what is owed."""
    now = world.clock.now()
    person = world.person(customer)
    for unit in wallets.units(person):
        found = world.read(world.reader.credits.wallet(customer, unit))
        told = Sums(found.spendable, found.live, found.debt, found.held)
        wanted = wallets.sums(person, unit, now)
        if told != wanted:
            world.found("wallets", f"{customer} has {told} of {unit}; the oracle says {wanted}")


def _quotas(world: World, truth: Truth, customer: str) -> None:
    """I5: what was used in the window that is open, and its limit."""
    now, person = world.clock.now(), world.person(customer)
    mine = {one.quota for one in truth.ledger.uses if one.customer == person}
    quotas = allowed(truth, person, now).quotas
    for quota in sorted(mine | quotas.keys()):
        limit, reset, anchor = quotas.get(quota, (0, "never", CALENDAR))
        since, until = window(reset, anchor, now)
        if until is not None and until - now <= SKEW_SECONDS_MAX * SECOND:
            # A clock that is ahead may have begun the next one, and windows never go back.
            after = window(reset, anchor, until)
            since, until = after if used_in(truth.ledger.uses, person, quota, after) else (since, until)
        used = used_in(truth.ledger.uses, person, quota, (since, until))
        found = world.read(world.reader.usage.current(quota, customer=customer))
        told = (found.limit, found.used, found.window_start, found.window_end)
        if told != (limit, used, since, until):
            wanted = (limit, used, since, until)
            world.found("counted", f"{quota} of {customer} is {told}; the oracle says {wanted}")


def spend_the_rest(world: World, wallets: Wallets) -> None:
    """I5: what there is can be spent, in its order, and not one more. The last thing that is done."""
    now, key = world.clock.now(), "the rest"
    full = [
        (customer, unit, amount)
        for customer in world.customers
        for unit, amount in wallets.spendable(customer, now).items()
    ]
    if not full:
        return
    customer, unit, spendable = world.chance.one_of(full)
    spend = world.reader.credits.consume
    try:
        world.read(spend(customer, unit, spendable + 1, idempotency_key="one more"))
        world.found("spent", f"{customer} could spend {spendable + 1} {unit}, and had {spendable}")
    except ExceedsBalance:
        pass
    amount = world.chance.one_of((1, max(1, spendable // 2), spendable))
    wanted = wallets.next_parts(customer, unit, amount, now)
    try:
        world.read(spend(customer, unit, amount, idempotency_key=key))
    except ExceedsBalance as error:
        world.found("spent", f"{customer} could not spend {amount} of {spendable} {unit}: {error.message}")
        return
    movement = world.read(world.store.movement(f"consume:{key}"))
    taken = [(leg.lot, leg.amount) for leg in movement.legs if leg.account == SPENT] if movement else []
    if world.faults.stall:  # then a gift may be older than its booking, and which of two is the older one
        taken, wanted = _by_end(wallets, taken), _by_end(wallets, wanted)
    if taken != wanted:
        world.found("spent", f"{customer} spent {taken}; the oracle says {wanted}")


def _by_end(wallets: Wallets, parts: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """How much is taken of what ends at the same time, in order."""
    found: dict[str, int] = {}
    for key, amount in parts:
        end = str(wallets.lots[key].expires_at)
        found[end] = found.get(end, 0) + amount
    return list(found.items())
