"""The workload: what people, the application, the provider and time do, one thing after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from purchase_core.instants import DAY, HOUR, SECOND
from purchase_core.records.delivery import QUARANTINED
from purchase_core.testing.simulation import dashboard, moving, persons, requests, spending
from purchase_core.testing.simulation.asking import DONE, OPEN, Cart
from purchase_core.testing.simulation.chance import Mixture
from purchase_core.testing.simulation.hearing import TELLING
from purchase_core.testing.simulation.provider import selling
from purchase_core.testing.simulation.provider.account import Account, Refusal
from purchase_core.testing.simulation.provider.billing import next_due
from purchase_core.testing.simulation.turns import Activity
from purchase_core.testing.simulation.world import World

BURST_MAX = 5

Act = Callable[[World], "Activity | Sequence[Activity] | None"]
"""Does something at once, or returns what processes are to do; None where there is nothing to do."""


@attrs.frozen
class Kind:
    """Something that can happen, and how often beside the others."""

    name: str
    act: Act
    weight: int


def shop(world: World) -> Sequence[Activity]:
    """Somebody sets out to buy something."""
    return requests.start(world, guest=world.chance.below(8) == 0)


def ask_again(world: World) -> Activity | None:
    """The application asks again for something, whether it knows the answer or not."""
    asks = world.asks
    if not asks:
        return None
    waiting = [one for one in asks if one.state == OPEN]
    return world.ask(world.chance.one_of(waiting or asks))


def misuse(world: World) -> Activity | None:
    """The application uses a key again for something else: it must be told so, and nothing may come of it."""
    known = [cart for cart in world.carts if cart.ask.state == DONE]
    return requests.misuse(world, world.chance.one_of(known)) if known else None


def look(world: World) -> Activity | None:
    """Somebody's rights are asked for, in a process that has asked before perhaps."""
    return requests.look(world)


def buy(world: World) -> Activity | None:
    """Somebody pays a page that they were shown."""
    pages = [
        (cart, name, session)
        for cart in world.carts
        for name, session in cart.pages
        if world.accounts[name].book.sessions[session].status == "open"
    ]
    if not pages:
        return None
    twice = [one for one in pages if len(one[0].pages) > 1]  # of which another page may be paid already
    cart, name, page = world.chance.one_of(twice if twice and world.chance.below(2) else pages)
    account = world.accounts[name]
    session = account.book.sessions[page]
    twist = (
        _twist(world, account, cart, session.payer)
        if world.chance.happens(world.faults.wrong * 3)
        else selling.STRAIGHT
    )
    later = not account.dialect.joint and not session.trial_days and world.chance.below(12) == 0
    try:
        selling.pay(account, session, twist, later=later)
    except Refusal as refusal:
        world.note(f"{page}: {refusal}")
        return None
    cart.twisted = cart.twisted or bool(twist)
    world.note(f"{page} is paid{' later' if later else ''}{f', {twist}' if twist else ''}")
    return None


def _twist(world: World, account: Account, cart: Cart, payer: str) -> selling.Twist:
    offer = world.scenario.catalog.offers[cart.offer]
    unit = offer.prices[0].minor
    others = [one for one in account.book.payers if one != payer]
    twists = [
        selling.Twist(quantity=cart.quantity + 1),
        selling.Twist(unit_amount=max(1, unit // 10)),
        selling.Twist(currency="JPY"),
        selling.Twist(discount=unit // 2),
    ]
    if others and payer:
        twists.append(selling.Twist(payer=world.chance.one_of(others)))
    return world.chance.one_of(twists)


def money_arrives(world: World) -> Activity | None:
    """What was begun to be paid is paid, or is not."""
    begun = [
        (account, session)
        for account in world.accounts.values()
        for session in account.book.sessions.values()
        if session.status == "complete" and session.payment == "unpaid"
    ]
    if begun:
        account, session = world.chance.one_of(begun)
        fails = world.chance.below(3) == 0
        try:
            selling.money_arrives(account, session, fails=fails)
            world.note(f"{session.id}: the money {'does not come' if fails else 'comes'}")
        except Refusal:
            return None
    return None


def deliver(world: World) -> Activity | None:
    """The provider sends something that was not taken yet; mostly what has waited longest."""
    posts = [post for post in world.posts.values() if post.waiting]
    if not posts:
        return None
    post, faults = world.chance.one_of(posts), world.present
    sent = post.waiting[0]
    if world.chance.happens(faults.delay * 3):
        sent = world.chance.one_of(post.waiting)
    if world.chance.happens(faults.gone * 2):
        post.lose(sent)
        world.note(f"delivery {sent.id} {sent.type} will never come")
        return None
    if world.chance.happens(faults.lost):
        world.note(f"delivery {sent.id} is lost")
        return None
    return world.deliver(post, sent)


def burst(world: World) -> Sequence[Activity]:
    """The provider sends all that was not taken yet, at the same time."""
    sent = [(post, one) for post in world.posts.values() for one in post.waiting[:BURST_MAX]]
    return [world.deliver(post, one) for post, one in sent if not world.chance.happens(world.present.lost)]


def deliver_again(world: World) -> Activity | None:
    """Something comes once more that was taken already."""
    posts = [post for post in world.posts.values() if post.taken]
    if not posts or not (world.present.duplicate or world.present.replayed):
        return None
    post = world.chance.one_of(posts)
    names = list(post.taken)
    recent = names[-3:] if world.chance.happens(world.present.duplicate * 4) else names
    return world.deliver(post, post.taken[world.chance.one_of(recent)])


def forge(world: World) -> Activity | None:
    """Somebody else sends a delivery: unsigned, of another account or mode, or of long ago."""
    posts = [post for post in world.posts.values() if post.account.events]
    if not posts or not world.chance.happens(world.present.forged * 3):
        return None
    post = world.chance.one_of(posts)
    return world.forge(post, post.forged(world.chance, world.clock.now()))


def operator(world: World) -> Activity | None:
    """Somebody has what was given up tried again, before its reason is mended perhaps."""
    rows = world.deliveries(QUARANTINED)
    return world.retry(world.chance.one_of(rows).id) if rows else None


def work(world: World) -> Activity | None:
    """A worker does what there is to do."""
    return world.work()


def work_on(world: World) -> Activity | None:
    """A worker goes on for some minutes, where nobody listens to what it tells."""
    if not world.present.deaf:
        return None
    for _ in range(TELLING.attempts_max):
        world.run(world.work())
        world.pass_time(70 * SECOND)
    return world.work()


def reconcile(world: World) -> Activity | None:
    """Somebody has a provider asked what happened, and what there is."""
    names = [name for name, post in world.posts.items() if post.gone]
    return world.reconcile(world.chance.one_of(names)) if names else None


def moments(world: World) -> Activity | None:
    """A little time passes."""
    world.pass_time(world.chance.one_of((1, SECOND // 2, SECOND, 5 * SECOND, 70 * SECOND)))
    return None


def hours(world: World) -> Activity | None:
    """Some time passes."""
    world.pass_time(world.chance.one_of((HOUR, 5 * HOUR, 20 * HOUR, 25 * HOUR, 3 * DAY)))
    world.note("time passes")
    return None


def until_due(world: World) -> Activity | None:
    """Time passes until something happens at the provider by itself, and a little longer."""
    dues = [due for account in world.accounts.values() if (due := next_due(account)) is not None]
    if not dues:
        return None
    gap = min(dues) - world.clock.now()
    world.pass_time(max(0, gap) + world.chance.one_of((0, SECOND, HOUR)))
    world.note("something was due")
    return None


def months(world: World) -> Activity | None:
    """A long time passes: over ends of months, and several periods perhaps."""
    world.pass_time(world.chance.one_of((17, 33, 64)) * DAY + world.chance.below(DAY))
    world.note("months pass")
    return None


def card(world: World) -> Activity | None:
    """A card goes bad, or good again."""
    payers = [payer for account in world.accounts.values() for payer in account.book.payers.values()]
    if payers:
        payer = world.chance.one_of(payers)
        payer.card = (
            world.chance.one_of(("good", "declined", "authenticate")) if payer.card == "good" else "good"
        )
        world.note(f"the card of {payer.id} is {payer.card}")
    return None


def wake(world: World) -> Activity | None:
    """What stood still goes on."""
    if world.turns.parked:
        world.turns.wake(world.chance.below(len(world.turns.parked)))
    return None


def restart(world: World) -> Activity | None:
    """A process is deployed anew."""
    if world.present.crash:
        world.restart(world.chance.below(len(world.processes)))
    return None


def poison(world: World) -> Activity | None:
    """An event that waits cannot be understood, until the adapter is mended."""
    waiting = [sent for post in world.posts.values() for sent in post.waiting]
    if waiting and world.chance.happens(world.present.poison * 3):
        world.poisoned.add(world.chance.one_of(waiting).id)
    return None


def claim(world: World) -> Activity | None:
    """Somebody claims what a guest has bought."""
    guests = [cart for cart in world.carts if cart.token]
    return requests.claim(world, world.chance.one_of(guests)) if guests else None


KINDS = (
    Kind("shop", shop, 3),
    Kind("ask-again", ask_again, 3),
    Kind("buy", buy, 16),
    Kind("money-arrives", money_arrives, 3),
    Kind("deliver", deliver, 16),
    Kind("burst", burst, 8),
    Kind("deliver-again", deliver_again, 5),
    Kind("misuse", misuse, 1),
    Kind("look", look, 4),
    Kind("forge", forge, 6),
    Kind("operator", operator, 2),
    Kind("work", work, 6),
    Kind("work-on", work_on, 8),
    Kind("reconcile", reconcile, 2),
    Kind("moments", moments, 4),
    Kind("hours", hours, 2),
    Kind("until-due", until_due, 8),
    Kind("months", months, 2),
    Kind("card", card, 4),
    Kind("wake", wake, 3),
    Kind("restart", restart, 1),
    Kind("poison", poison, 6),
    Kind("claim", claim, 2),
    Kind("migrate", moving.migrate, 20),
    Kind("accept", moving.accept, 8),
    Kind("accept-late", moving.accept_late, 3),
    *(Kind(name, act, weight) for name, act, weight in requests.KINDS),
    *(Kind(name, act, weight) for name, act, weight in dashboard.KINDS),
    *(Kind(name, act, weight) for name, act, weight in spending.KINDS),
    *(Kind(name, act, weight) for name, act, weight in persons.KINDS),
)


def mixture(world: World) -> Mixture[Kind]:
    """How often each kind happens in this history: some never, some more than elsewhere."""
    chance = world.chance
    always = ("shop", "buy", "deliver", "burst")
    return Mixture.of(
        [(kind.weight * (1 if kind.name in always else chance.one_of((0, 1, 1, 3))), kind) for kind in KINDS]
    )
