"""What happens at the provider without us: in its portal, its dashboard, and at banks."""

from __future__ import annotations

from purchase_core.ports.provider import Capability
from purchase_core.testing.simulation.provider import changing, money
from purchase_core.testing.simulation.provider.account import Account, Refusal
from purchase_core.testing.simulation.provider.billing import settle
from purchase_core.testing.simulation.provider.objects import ENDED, Invoice, Subscription
from purchase_core.testing.simulation.turns import Activity
from purchase_core.testing.simulation.world import World


def portal(world: World) -> Activity | None:
    """A customer changes a subscription by themselves."""
    found = _subscription(world)
    if found is None:
        return None
    account, one = found
    world.meddled.add(one.id)
    what = world.chance.one_of(("end", "cancel", "uncancel", "pause", "resume", "change"))
    try:
        if what in ("end", "cancel"):
            changing.cancel(account, one, at_period_end=what == "cancel")
        elif what == "uncancel":
            changing.uncancel(account, one)
        elif what == "pause":
            changing.pause(account, one, collection_only=False)
        elif what == "resume":
            changing.resume(account, one, new_period=True)
        else:
            _change(world, account, one)
        world.note(f"portal: {one.id} is {one.status}, {one.quantity} x {one.price}")
    except Refusal as refusal:
        world.note(f"portal: {refusal}")
    return None


def _change(world: World, account: Account, one: Subscription) -> None:
    cart = next((cart for cart in world.carts if cart.twisted), None)
    if cart is not None:
        return  # what was not as ordered stays so: that it becomes so by chance is not what is looked for
    prices = [price.id for price in account.book.prices.values() if price.interval]
    changing.change(
        account,
        one,
        world.chance.one_of(prices),
        1 + world.chance.below(3),
        prorate=world.chance.below(2) == 0,
        at_period_end=False,
    )


def pay_bill(world: World) -> Activity | None:
    """A customer pays a bill that is open."""
    bills = [
        (account, one)
        for account in world.accounts.values()
        for one in account.book.invoices.values()
        if one.status == "open" and one.tries
    ]
    if bills:
        account, bill = world.chance.one_of(bills)
        settle(account, bill)
        world.note(f"{bill.id} is paid")
    return None


def refund(world: World) -> Activity | None:
    """Money goes back without us."""
    found = _paid(world)
    if found is not None:
        account, invoice = found
        part = world.chance.one_of((0, 2, 5))
        try:
            money.refund(account, invoice, max(1, invoice.paid // part) if part else None, {})
            world.note(f"dashboard: refund of {invoice.id}")
        except Refusal:
            return None
    return None


def decide(world: World) -> Activity | None:
    """A refund that was pending is decided, or one that had succeeded fails."""
    refunds = [
        (account, one)
        for account in world.accounts.values()
        for one in account.book.refunds.values()
        if one.status in ("pending", "succeeded")
    ]
    if refunds:
        account, one = world.chance.one_of(refunds)
        no = "rejected" if account.dialect.joint else "failed"
        status = world.chance.one_of(("succeeded", no)) if one.status == "pending" else "failed"
        money.decide(account, one, status)
        world.note(f"{one.id} is {one.status}")
    return None


def bank(world: World) -> Activity | None:
    """A bank holds money back, or decides."""
    disputes = [
        (account, one)
        for account in world.accounts.values()
        for one in account.book.disputes.values()
        if one.status != "won"
    ]
    if disputes and world.chance.below(3):
        account, one = world.chance.one_of(disputes)
        loses = account.dialect.can(Capability.DISPUTE_LOSSES)
        status = (
            "open" if one.status == "lost" else world.chance.one_of(("won", "lost") if loses else ("won",))
        )
        try:
            money.close(account, one, status)
            world.note(f"{one.id} is {one.status}")
        except Refusal:
            return None
        return None
    found = _paid(world)
    if found is not None:
        account, invoice = found
        try:
            made = money.dispute(account, invoice, max(1, invoice.paid // world.chance.one_of((1, 1, 2))))
            world.note(f"{made.id}: a bank holds back {made.amount} of {invoice.id}")
        except Refusal:
            return None
    return None


def _subscription(world: World) -> tuple[Account, Subscription] | None:
    found = [
        (account, one)
        for account in world.accounts.values()
        for one in account.book.subscriptions.values()
        if one.status not in ENDED and one.status != "incomplete"
    ]
    return world.chance.one_of(found) if found else None


def _paid(world: World) -> tuple[Account, Invoice] | None:
    found = [
        (account, one)
        for account in world.accounts.values()
        for one in account.book.invoices.values()
        if one.status == "paid" and one.paid
    ]
    return world.chance.one_of(found) if found else None


KINDS = (
    ("portal", portal, 5),
    ("pay-bill", pay_bill, 3),
    ("refund-there", refund, 3),
    ("decide", decide, 4),
    ("bank", bank, 4),
)
