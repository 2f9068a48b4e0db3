"""Moving: customers go from one connection to the other, and accept that on a page, or do not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from purchase_core.errors import PurchaseError
from purchase_core.facts.rows import SubscriptionRow
from purchase_core.instants import DAY, HOUR, SECOND
from purchase_core.ports.paging import every_command
from purchase_core.records.command import OPEN_STATES, Command
from purchase_core.testing.simulation.oracle.moves import Moved
from purchase_core.testing.simulation.oracle.orders import Order
from purchase_core.testing.simulation.process import SKEW_SECONDS_MAX, Process
from purchase_core.testing.simulation.provider import selling
from purchase_core.testing.simulation.provider.account import Refusal
from purchase_core.testing.simulation.turns import Activity, Crashed
from purchase_core.testing.simulation.world import World
from purchase_core.workflows.checkout import Checkout
from purchase_core.workflows.mover import KIND, move_of, progress_of
from purchase_core.workflows.moves import Move, Phase
from purchase_core.workflows.prospects import Settings

LEAD_DAYS, UNDO_DAYS = 2, 1
PAGE = "https://shop.example/moved"
ACCEPTS_PER_THOUSAND = 600
STILL = (
    Phase.WATCHED,
    Phase.GUARDED,
)  # nothing happens any more, unless a page is paid that could not be closed
LOOKS_MAX = 40  # of whoever attends to moves, until all have ended


def migrate(world: World) -> Activity | None:
    """Those who buy through one connection are to go to the other."""
    if len(world.accounts) == 1 or world.migrations:
        return None
    rows = world.read(world.store.rows(SubscriptionRow))
    held = sorted({row.connection for row in rows if row.status in ("active", "trialing")})
    if not held:
        return None
    old = world.chance.one_of(held)
    new = next(name for name in world.accounts if name != old)
    world.migrations.append((old, new))
    settings = Settings(old, new, lead_days=LEAD_DAYS, undo_days=UNDO_DAYS, success_url=PAGE, cancel_url=PAGE)

    async def begun(process: Process) -> int:
        return len([one async for one in process.billing.migrations.start(settings)])

    def end(count: Any, error: BaseException | None) -> None:
        told = type(error).__name__ if error else f"{count} begin"
        world.note(f"{old} to {new}: {told}")
        _expected(world, "a migration", error)

    return world.activity(begun, end)


def accept(world: World) -> Activity | None:
    """Somebody is shown the page of their move, and gives a payment method there perhaps."""
    if not world.migrations:
        return None
    return _shown(world, world.chance.one_of(world.customers))


def _shown(world: World, customer: str) -> Activity:
    pays, email = world.chance.happens(ACCEPTS_PER_THOUSAND), world.address(customer)

    def end(page: Checkout | None, error: BaseException | None) -> None:
        _expected(world, "the page of a move", error)
        if page is not None:
            world.note(f"{customer} is shown {page.session}")
            world.offered.append((page.connection, page.session))
            if pays:
                _pay(world, page.connection, page.session)

    return world.activity(lambda process: process.billing.migrations.page(customer, email=email), end)


def accept_late(world: World) -> Activity | None:
    """Somebody pays a page of a move that they were shown long ago, and that nobody could close."""
    if world.offered:
        _pay(world, *world.chance.one_of(world.offered))
    return None


def _pay(world: World, connection: str, session: str) -> None:
    account = world.accounts[connection]
    try:
        selling.pay(account, account.book.sessions[session])
        world.note(f"{session} is accepted")
    except Refusal as refusal:
        world.note(f"{session}: {refusal}")


def _expected(world: World, what: str, error: BaseException | None) -> None:
    if error is not None and not isinstance(error, PurchaseError | Crashed):
        world.found("answers", f"{what} raised {type(error).__name__}: {error}")


def ours(world: World, connection: str, operation: object, name: object, how: object) -> bool:
    """Whether a move may have asked for this: the old one ends with its period or goes on, a new one ends.

    One that somebody has paused has no end of its period: it ends at once.
    """
    olds, news = {old for old, _ in world.migrations}, {new for _, new in world.migrations}
    if operation == "uncancel_subscription" or (operation, how) == ("cancel_subscription", True):
        return connection in olds
    wished = {ask.wish[1] for ask in world.wishes if ask.wish and ask.wish[0] == "pause_subscription"}
    paused = connection in olds and name in world.meddled | wished
    return (operation, how) == ("cancel_subscription", False) and (connection in news or paused)


# --- until all have ended ----------------------------------------------------------------------


def attend(world: World) -> Iterator[None]:
    """Bring moves to their ends: at each yield a worker is to look, and all that waits to be delivered.

    A move that does not end is a finding of I12.
    """
    begun = migrate(world)
    if begun is not None:
        world.run(begun)
    late, until_switched = world.chance.below(2) == 0, world.chance.below(3) == 0
    if not world.migrations:
        return
    for _ in range(LOOKS_MAX):
        world.pass_time(70 * SECOND)
        yield
        _decided(world)
        world.pass_time(70 * SECOND)
        yield
        moves = _open(world)
        if not moves:
            if not (late and world.offered):
                return
            late = False
            accept_late(world)
            continue
        if until_switched and not _open(world, but=(*STILL, Phase.SWITCHED)):
            return  # so that both are looked at while they are there
        now = world.clock.now()
        ahead = [end for move in moves for end in (move.undo_at, move.ends) if end > now]
        world.pass_time(max(0, min(ahead, default=now) - now))
    world.found("drained", f"a move of {_open(world)[0].subscription} does not end")


def _decided(world: World) -> None:
    """Everybody who is to be moved accepts it, or does not."""
    for customer in world.customers:
        if world.chance.below(2):
            world.run(_shown(world, customer))


def _open(world: World, but: Sequence[Phase] = STILL) -> list[Move]:
    return [
        move_of(one)
        for one in commands(world)
        if one.state in OPEN_STATES and progress_of(one).phase not in but
    ]


def commands(world: World) -> list[Command]:
    """Every move that was begun."""

    async def all_of(old: str, new: str) -> list[Command]:
        return [one async for one in every_command(world.store, f"{KIND}:{old}:{new}")]

    return [one for pair in world.migrations for one in world.read(all_of(*pair))]


# --- for the oracle ----------------------------------------------------------------------------


def orders(world: World) -> Iterator[Order]:
    """What the pages of moves are to sell: the same as before, with a trial until what is paid ends."""
    versions = {version.hash: version for version in world.scenario.catalog.offers.values()}
    for command in commands(world):
        move = move_of(command)
        for page in range(1, progress_of(command).page + 1):
            asked = world.read(world.store.command(f"checkout.start:{command.id}:page:{page}"))
            if asked is None:
                continue
            shown = [
                session.trial_days
                for account in world.accounts.values()
                for session in account.book.sessions.values()
                if session.metadata.get("purchase_intent") == asked.reference
            ]
            days = shown[0] if shown else max(1, -((asked.created_at - move.ends) // DAY))
            version = attrs.evolve(versions[move.version], trial_days=days, trial_card=True)
            owner = world.person(move.customer)
            yield Order(asked.reference, owner, version, move.quantity, move.currency, move.subscription)


def moved(world: World) -> Iterator[Moved]:
    """Each move, as far as it can be judged: somebody attended to it, and nobody meddled with it."""
    meddled = world.meddled | {str(ask.wish[1]) for ask in world.wishes if ask.wish}
    for command in commands(world):
        move = move_of(command)
        connection, name = move.subscription.split(":")[1:]
        attended = world.calm_since is not None and move.undo_at > world.calm_since + HOUR
        if attended and name not in meddled:
            slack = 2 * SKEW_SECONDS_MAX * SECOND
            yield Moved(connection, name, move.subscription, move.ends, slack)
