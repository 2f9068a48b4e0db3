"""Settling: faults stop, and within a bounded number of rounds nothing is left to be done."""

from __future__ import annotations

from purchase_core.inbox.sealing import ERASED
from purchase_core.instants import DAY, HOUR, MINUTE, SECOND, Instant
from purchase_core.records.delivery import IGNORED, PENDING, QUARANTINED
from purchase_core.records.mailbox import STUCK, WAITING
from purchase_core.testing.simulation import moving
from purchase_core.testing.simulation.asking import OPEN
from purchase_core.testing.simulation.checks import ended_stay
from purchase_core.testing.simulation.hearing import HEARS
from purchase_core.testing.simulation.process import LEASE_SECONDS
from purchase_core.testing.simulation.world import World
from purchase_core.workflows.checkout import KIND as CHECKOUT
from purchase_core.workflows.refunds import GiveBack
from purchase_core.workflows.subscription_commands import Cancel, Change, Pause, Resume, Uncancel

PAUSES = (3 * SECOND, 70 * SECOND, 17 * MINUTE, HOUR, HOUR, 2 * HOUR, 24 * HOUR)
ROUNDS_MAX = 14
RECONCILED_ROUNDS = 2  # what changes within the second at which it is asked for is heard of by the next one
KINDS = (CHECKOUT, GiveBack.name, *(one.name for one in (Cancel, Change, Pause, Resume, Uncancel)))
"""The commands that a worker brings to their end."""


def settle(world: World) -> None:
    """Bring everything to its end. What does not end is a finding of I12."""
    world.note("faults stop")
    world.calm()
    _overtaken(world)
    for row in world.deliveries(QUARANTINED):
        world.run(world.retry(row.id))
    for mailbox in world.read(world.store.mailboxes(HEARS, state=STUCK)):
        world.read(world.reader.subscribers.retry(HEARS, mailbox.lane))
    _drained(world)
    for _ in moving.attend(world):
        _round(world, RECONCILED_ROUNDS)
        world.run(world.work(world.processes[0]))
    if world.migrations:
        _drained(world)
    if world.ticks:  # what was heard of late is told of within a day
        world.pass_time(DAY)
        _drained(world)
        world.pass_time(SECOND)
        world.run(world.work(world.processes[0]))


def _overtaken(world: World) -> None:
    """Whoever stood still goes on after a lease, when others have done what they stood still over."""
    parked = world.turns.parked
    if parked:
        world.pass_time((LEASE_SECONDS + 1) * SECOND)
        others = [one for one in world.processes if one not in [still.process for still in parked]]
        world.run(world.work((others or world.processes)[0]))
        ended_stay(world)
    for number in range(len(world.turns.parked), 0, -1):
        world.turns.wake(number - 1)
    world.run()
    ended_stay(world)


def _drained(world: World) -> None:
    for number in range(ROUNDS_MAX):
        _round(world, number)
        left = _left(world)
        again = number + 1 < RECONCILED_ROUNDS and bool(_unheard(world))
        if not left and not again:
            return
        world.pass_time(PAUSES[min(number, len(PAUSES) - 1)])
    world.found("drained", f"after {ROUNDS_MAX} rounds without faults there is left: {', '.join(left)}")


def _round(world: World, number: int) -> None:
    for post in world.posts.values():
        while post.waiting:
            before = len(post.waiting)
            world.run(world.deliver(post, post.waiting[0]))
            if len(post.waiting) >= before:
                break
    if number < RECONCILED_ROUNDS:
        for name in _unheard(world):
            world.run(world.reconcile(name, world.processes[0]))
    _ask_again(world)
    if _work_waits(world):
        world.run(world.work(world.processes[0]))


def _unheard(world: World) -> list[str]:
    """Connections of which something was never read: it never came, or nobody may keep it."""
    given_up = {row.connection for row in world.deliveries(IGNORED) if row.reason.startswith(f"{ERASED}:")}
    return [name for name, post in world.posts.items() if post.gone or name in given_up]


def _ask_again(world: World) -> None:
    for cart in world.carts:
        # A token may have become too old; whoever asks for the checkout again is given another one.
        if any(one.state == OPEN and one.name.startswith(f"claim of {cart.key} ") for one in world.wishes):
            world.run(world.ask(cart.ask))
    for ask in world.asks:
        if ask.state == OPEN:
            world.run(world.ask(ask))


def _work_waits(world: World) -> bool:
    return bool(world.deliveries(PENDING) or _open_commands(world) or _untold(world))


def _untold(world: World) -> list[str]:
    """Lanes in which somebody has not heard of everything."""
    states = (world.read(world.store.mailboxes(HEARS, state=state)) for state in (WAITING, STUCK))
    return [mailbox.lane for found in states for mailbox in found]


def _open_commands(world: World) -> list[str]:
    forever = Instant(2**62)
    found = world.read(world.store.open_commands(KINDS, before=forever, limit=100))
    return [command.key for command in found]


def _left(world: World) -> list[str]:
    left = [f"event {sent.id}" for post in world.posts.values() for sent in post.waiting]
    left += [ask.name for ask in world.asks if ask.state == OPEN]
    left += [f"delivery {row.event_id} ({row.reason})" for row in world.deliveries(PENDING)]
    left += [f"quarantined {row.event_id} ({row.reason})" for row in world.deliveries(QUARANTINED)]
    left += [f"{HEARS} has not heard all of {lane}" for lane in _untold(world)]
    return left + _open_commands(world)
