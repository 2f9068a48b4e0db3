"""Checks: what is looked at after each step, and what must be so once everything has been heard of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import attrs

from purchase_core.instants import DAY, HOUR, SECOND, Instant, to_datetime
from purchase_core.records.command import CONFIRMED
from purchase_core.records.delivery import DONE, IGNORED, PENDING, QUARANTINED
from purchase_core.testing.bench import problems
from purchase_core.testing.memory_store import MemoryStore
from purchase_core.testing.simulation import moving
from purchase_core.testing.simulation.asking import REFUSED
from purchase_core.testing.simulation.hearing import misheard
from purchase_core.testing.simulation.ledger import ledger_of
from purchase_core.testing.simulation.ledger_checks import journals_read, ledger_checked, spend_the_rest
from purchase_core.testing.simulation.oracle.expected import Picture, expected, told
from purchase_core.testing.simulation.oracle.judging import judge
from purchase_core.testing.simulation.oracle.moves import misled
from purchase_core.testing.simulation.oracle.orders import Order
from purchase_core.testing.simulation.oracle.rights import allowed, ends_of
from purchase_core.testing.simulation.oracle.ticks import told_by_time
from purchase_core.testing.simulation.oracle.truth import Truth
from purchase_core.testing.simulation.oracle.wallets import Wallets
from purchase_core.testing.simulation.persons import remembered
from purchase_core.testing.simulation.picture import allowed_by, shown
from purchase_core.testing.simulation.process import CLAIMS, SECRET, SKEW_SECONDS_MAX
from purchase_core.testing.simulation.world import World

LATER = (2 * HOUR, 2 * DAY, 8 * DAY, 33 * DAY)
DIFFERENCES_MAX = 4
ONCE = (
    "subscription.started",
    "subscription.ended",
    "purchase.granted",
    "subscription.trial_ending",
    "credits.expired",
)


# --- after each step -------------------------------------------------------------------------


def after_step(world: World) -> None:
    """The invariants that hold at every moment, whatever is on its way."""
    _acknowledged(world)
    ended_stay(world)
    _one_effect(world)
    _bounded(world)
    _asked(world)
    journals_read(world)
    _secret(world)


def _acknowledged(world: World) -> None:
    """I1: what was acknowledged is there."""
    for connection, event in world.fresh:
        if world.read(world.store.delivery(connection, event)) is None:
            world.found("acknowledged", f"event {event} was acknowledged, and is not in the inbox")
    world.fresh.clear()


def ended_stay(world: World) -> None:
    """I12: what a worker has brought to its end, none that comes late takes back."""
    if not world.worked:
        return
    world.worked = False
    back = {row.id for state in (PENDING, QUARANTINED) for row in world.deliveries(state)} & world.ended
    if back:
        world.found("ended", f"delivery {min(back)} was done, and is not any more")
    world.ended.update(row.id for state in (DONE, IGNORED) for row in world.deliveries(state))


def _one_effect(world: World) -> None:
    """I8: a command has one effect at the provider."""
    for account in world.accounts.values():
        for things, name in (
            (account.book.sessions, "purchase_attempt"),
            (account.book.refunds, "purchase_command"),
        ):
            if len(things) > 1:
                made = Counter(one.metadata.get(name, "") for one in things.values())
                twice = [one for one, count in made.items() if one and count > 1]
                if twice:
                    world.found("effects", f"{name} {twice[0]} has had {made[twice[0]]} effects")


def _bounded(world: World) -> None:
    """I6: we never ask to pay back more than was paid."""
    for account in world.accounts.values():
        if account.book.overdrawn:
            world.found("bounds", f"more than was paid was asked back of {account.book.overdrawn[0]}")


def _asked(world: World) -> None:
    """I8: what a provider was asked for is what somebody wished, in the way in which they did."""
    wishes = {ask.wish for ask in world.wishes}
    for account in world.accounts.values():
        for operation, name, how in account.asked:
            wished = not wishes.isdisjoint({(operation, name, how), (operation, name, None)})
            by_itself = operation == "expire_checkout" or moving.ours(
                world, account.connection, operation, name, how
            )
            if not (wished or by_itself):
                world.found("asked", f"{operation} of {name} was asked for, {how}, and nobody wished that")
        account.asked.clear()


def _secret(world: World) -> None:
    """I16: no error says what must not be said."""
    hidden = (SECRET.reveal(), CLAIMS.reveal(), "@example.com")
    said = "\n".join(world.log[world.looked_at :])
    if any(one in said for one in hidden):
        world.found("secrets", "an error shows a secret or an address")
    world.looked_at = len(world.log)


# --- once everything was heard of ------------------------------------------------------------


def truth_of(world: World) -> Truth:
    """What is true now, for the oracle."""
    orders: dict[str, Order] = {}
    for cart in world.carts:
        command = world.read(world.store.command(f"checkout.start:{cart.key}"))
        if command is not None:
            owner = world.person(cart.customer or cart.claimed_by)
            offer = world.scenario.catalog.offers[cart.offer]
            currency = offer.prices[0].currency
            orders[command.reference] = Order(command.reference, owner, offer, cart.quantity, currency)
    orders.update((order.intent, order) for order in moving.orders(world))
    books = [account.book for account in world.accounts.values()]
    owners = {
        (book.name, payer.id): world.person(payer.customer)
        for book in books
        for payer in book.payers.values()
        if payer.customer
    }
    ledger = ledger_of(world.spends, world.journals, world.person, world.clock.now())
    versions = {order.offer.hash: order.offer for order in orders.values()}
    terms = attrs.evolve(world.terms, versions={**world.terms.versions, **versions})
    return Truth(books, orders, terms, judge(books, orders), owners, ledger)


def when_settled(world: World, *, thoroughly: bool) -> None:
    """Everything equals what the oracle tells, exactly."""
    after_step(world)
    truth = truth_of(world)
    wallets = Wallets(truth)
    actual = world.read(shown(world.store))
    for table, difference in list(_differences(expected(truth), actual))[:DIFFERENCES_MAX]:
        world.found(table, difference)
    _opened(world, truth)
    _pages(world)
    _commands(world)
    _rights(world, truth, wallets)
    ledger_checked(world, truth, wallets)
    for problem in remembered(world, truth):
        world.found("forgotten", problem)
    for problem in (problem for move in moving.moved(world) for problem in misled(truth, move)):
        world.found("moved", problem)
    _told(world, truth, wallets)
    _heard(world)
    _silent(world)
    if thoroughly and isinstance(world.store, MemoryStore):
        for fact in world.store.database.facts.values():
            if not fact.cause:
                world.found("rebuilt", f"nobody knows what brought {fact.fact.key}")
        for problem in list(problems(world.store.database, now=world.clock.now()))[:DIFFERENCES_MAX]:
            world.found("rebuilt", problem)
    spend_the_rest(world, wallets)


def _differences(wanted: Picture, actual: Picture) -> Iterator[tuple[str, str]]:
    """(table, what is wrong)."""
    for table, rows in wanted.items():
        found = actual[table]
        if rows == found:
            continue
        for key in sorted({*rows, *found}):
            if key not in found:
                yield table, f"{key} is missing; the oracle says {rows[key]}"
            elif key not in rows:
                yield table, f"{key} should not be there: {found[key]}"
            elif rows[key] != found[key]:
                yield table, f"{key} is {found[key]}; the oracle says {rows[key]}"


def _rights(world: World, truth: Truth, wallets: Wallets) -> None:
    """I10, I11: everybody may do what they have paid for, and nothing else; now and later."""
    now = world.clock.now()
    for customer in world.customers:
        person = world.person(customer)
        mine = (*ends_of(truth, person), *wallets.ends(person))
        ends = [end - now for end in mine if end > now]
        edges = [world.chance.one_of(ends) + world.chance.one_of((-1, 0))] if ends else []
        for later in (0, world.chance.one_of(LATER), *edges):
            at = Instant(now + later)
            if later:
                read = world.reader.customers.entitlements(customer, at=to_datetime(at))
            else:
                read = world.reader.customers.entitlements(customer)
            found, wanted = allowed_by(world.read(read)), allowed(truth, person, at)
            wanted.credits = wallets.spendable(person, at)
            if found != wanted:
                when = f" at {to_datetime(at)}" if later else ""
                world.found("rights", f"{customer} may do {found}{when}; the oracle says {wanted}")
                break


def _opened(world: World, truth: Truth) -> None:
    """I10: what somebody is shown to pay for is what they set out to buy."""
    for book in truth.books:
        for session in book.sessions.values():
            order = truth.orders.get(session.metadata.get("purchase_intent", ""))
            price = book.prices[session.price]
            if order is None:
                world.found("opened", f"nobody knows which order {session.id} is of")
                continue
            shown = (price.unit_amount, price.currency, session.quantity, session.trial_days)
            wanted = (order.unit_amount, order.currency, order.quantity, order.offer.trial_days)
            if shown != wanted or price.version != order.offer.hash:
                world.found("opened", f"{session.id} asks for {shown}, and {wanted} was ordered")


def _pages(world: World) -> None:
    """I7: where a page can be closed, it is, before another one takes its place."""
    dying = world.faults.crash or world.faults.stall
    for cart in world.carts:
        command = world.read(world.store.command(f"checkout.start:{cart.key}"))
        if command is None:
            continue
        for name, account in world.accounts.items():
            for session in account.book.sessions.values():
                mine = session.metadata.get("purchase_intent") == command.reference
                if mine and session.status == "open" and not account.dialect.joint:
                    present = cart.ask.state != REFUSED and (name, session.id) == cart.pages[-1]
                    # A process can die between opening and closing one; then nobody was ever shown it.
                    # An answer can be lost beside one that led elsewhere; then it was looked for once.
                    unheard = dying or session.id in account.unheard
                    hidden = unheard and (name, session.id) not in cart.pages
                    if not (present or hidden or session.id in account.to_close):
                        world.found("pages", f"{session.id} of {cart.key} can still be paid")


def _commands(world: World) -> None:
    """I8: a command that has had its effect has not been refused."""
    for account in world.accounts.values():
        for refund in account.book.refunds.values():
            name = refund.metadata.get("purchase_command", "")
            command = world.read(world.store.command_by_id(name)) if name else None
            if command is not None and command.state != CONFIRMED:
                world.found("answers", f"{command.key} is {command.state}, and {refund.id} was made")


def _told(world: World, truth: Truth, wallets: Wallets) -> None:
    """Others are told once of what has become true."""
    effects = [
        effect
        for customer in world.customers
        for effect in world.read(world.store.effects(f"customer:{customer}"))
    ]
    keys = {effect.key for effect in effects}
    once = Counter((one.name, one.about) for one in effects if one.name in ONCE)
    twice = [name for name, count in once.items() if count > 1]
    if twice:
        world.found("told", f"others were told twice: {twice[0]}")
    by_time = told_by_time(truth, wallets, world.clock.now(), 2 * SKEW_SECONDS_MAX * SECOND)
    missing = sorted((told(truth) | set(by_time if world.ticks else ())) - keys)
    if missing:
        world.found("told", f"nobody was told of {missing[0]}")


def _heard(world: World) -> None:
    """I2: whoever must be told has heard of everything, in the order of each lane."""
    for lane in sorted({one.lane for one in world.heard} | {f"customer:{one}" for one in world.customers}):
        problem = misheard(list(world.read(world.store.effects(lane))), world.heard)
        if problem:
            world.found("heard", f"{lane}: {problem}")


def _silent(world: World) -> None:
    """I14: a delivery that is read again, long after it was taken, has no effect of any kind."""
    taken = [(name, event) for name, post in world.posts.items() for event in post.taken]
    if not taken or world.chance.below(2):
        return
    row = world.read(world.store.delivery(*world.chance.one_of(taken)))
    if row is None:
        return
    before = _counts(world)
    replayed = world.read(world.reader.replay.one(row.id))
    if replayed.status not in ("unchanged", "skipped"):
        world.found("silent", f"event {row.event_id}, read again, {replayed.status}: {replayed.rows}")
    after = _counts(world)
    if after != before:
        world.found("silent", f"reading event {row.event_id} again: {before} became {after}")


def _counts(world: World) -> tuple[int, ...]:
    """How often providers were called, and how much there is to tell of each customer."""
    calls = sum(account.calls for account in world.accounts.values())
    told = (len(world.read(world.store.effects(f"customer:{one}"))) for one in world.customers)
    return (calls, *told)
