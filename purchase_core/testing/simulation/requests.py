"""What the application asks of its billing: checkouts, changes, money back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from purchase_core.errors import ProviderRefused, StoreError
from purchase_core.facts.rows import InvoiceRow, SubscriptionRow
from purchase_core.ports.provider import Proration
from purchase_core.testing.simulation.asking import DONE, OPEN, Ask, Cart
from purchase_core.testing.simulation.provider.objects import ENDED
from purchase_core.testing.simulation.turns import Activity, Crashed
from purchase_core.testing.simulation.world import World

SUCCESS, CANCEL = "https://shop.example/thanks", "https://shop.example/cart"
CHECKOUT_REFUSALS = ("not today", "not_today", "never reached", "never arrived", "is held to")
CARTS_MAX, WISHES_MAX = 4, 12


def start(world: World, *, guest: bool = False) -> Sequence[Activity]:
    """A new checkout."""
    if len(world.carts) >= CARTS_MAX:
        return []
    chance, catalog = world.chance, world.scenario.catalog
    customer = "" if guest else chance.one_of(world.customers)
    sellable = [name for name, version in catalog.offers.items() if version.prices]
    offer = chance.one_of(sellable)
    version = catalog.offers[offer]
    quantity = min(chance.one_of((1, 1, 1, 2, 3)), version.quantity_max)
    cart = Cart(len(world.carts), customer, offer, quantity)
    email = world.address(customer) if customer else ""

    def done(checkout: Any) -> object:
        page = (checkout.connection, checkout.session)
        if page not in cart.pages:
            cart.pages.append(page)
        cart.token = checkout.claim or cart.token
        return checkout.id

    cart.ask = Ask(
        f"checkout {cart.key} ({customer or 'a guest'}, {quantity} x {offer})",
        lambda billing: billing.checkout.start(
            customer=customer or None,
            offer=offer,
            success_url=SUCCESS,
            cancel_url=CANCEL,
            idempotency_key=cart.key,
            quantity=quantity,
            email=email,
        ),
        done,
        CHECKOUT_REFUSALS,
    )
    world.carts.append(cart)
    if world.chance.happens(world.present.together * 2):  # two tabs
        return [world.ask(cart.ask), world.ask(cart.ask)]
    return [world.ask(cart.ask)]


def claim(world: World, cart: Cart) -> Activity:
    """A guest's purchase is claimed."""
    claimer = cart.claimed_by or world.chance.one_of(world.customers)

    def done(_: object) -> str:
        cart.claimed_by = claimer
        return claimer

    ask = Ask(
        f"claim of {cart.key} by {claimer}",
        lambda billing: billing.checkout.claim(cart.token, customer=claimer),
        done,
        passing="too old",
    )
    if cart.claimed_by or not any(one.name.startswith(f"claim of {cart.key} ") for one in world.wishes):
        world.wishes.append(ask)
        return world.ask(ask)
    same = next(one for one in world.wishes if one.name.startswith(f"claim of {cart.key} "))
    return world.ask(same)


def misuse(world: World, cart: Cart) -> Activity:
    """The same key with another quantity."""

    def end(_: Any, error: BaseException | None) -> None:
        world.note(f"{cart.key} for something else: {type(error).__name__}")
        if error is None or isinstance(error, ProviderRefused):
            world.found("answers", f"{cart.key} was used for something else, and that was not noticed")

    wish: dict[str, Any] = {
        "customer": cart.customer or None,
        "offer": cart.offer,
        "success_url": SUCCESS,
        "cancel_url": CANCEL,
        "idempotency_key": cart.key,
        "quantity": cart.quantity + 1,
    }
    return world.activity(lambda process: process.billing.checkout.start(**wish), end)


def look(world: World) -> Activity:
    """What somebody may do, now."""
    customer = world.chance.one_of(world.customers)

    def end(_: Any, error: BaseException | None) -> None:
        world.note(f"rights of {customer} are asked for")
        if error is not None and not isinstance(error, StoreError | Crashed):
            world.found("answers", f"rights raised {type(error).__name__}: {error}")

    world.read(world.reader.customers.entitlements(customer))
    return world.activity(lambda process: process.billing.customers.entitlements(customer), end)


def switch(world: World) -> Activity | None:
    """A checkout goes on elsewhere."""
    open_ = [cart for cart in world.carts if cart.ask.state == DONE]
    if len(world.accounts) == 1 or not open_ or len(world.wishes) >= WISHES_MAX:
        return None
    cart = world.chance.one_of(open_)
    email = world.address(cart.customer) if cart.customer else ""

    def done(checkout: Any) -> object:
        page = (checkout.connection, checkout.session)
        if page not in cart.pages:
            cart.pages.append(page)
        return None

    cart.ask.state, cart.ask.moves = OPEN, True
    # Not kept: to ask for it twice is to ask for two switches.
    return world.ask(
        Ask(
            f"switch of {cart.key}",
            lambda billing: billing.checkout.switch(idempotency_key=cart.key, email=email),
            done,
        )
    )


# --- subscriptions ---------------------------------------------------------------------------


def cancel(world: World) -> Activity | None:
    """A subscription is to end."""
    later = world.chance.below(3) > 0
    return _wish(
        world,
        f"cancel {'later' if later else 'now'}",
        lambda billing, row, key: billing.subscriptions.cancel(
            row[0], row[1], idempotency_key=key, at_period_end=later
        ),
        ("cancel_subscription", later),
    )


def uncancel(world: World) -> Activity | None:
    """A subscription is to go on."""
    return _wish(
        world,
        "uncancel",
        lambda billing, row, key: billing.subscriptions.uncancel(row[0], row[1], idempotency_key=key),
        ("uncancel_subscription", ()),
    )


def pause(world: World) -> Activity | None:
    """A subscription is to stop for a while."""
    stripe = [name for name, account in world.accounts.items() if not account.dialect.joint]
    only = bool(stripe) and world.chance.below(3) == 0
    return _wish(
        world,
        "pause collection" if only else "pause",
        lambda billing, row, key: billing.subscriptions.pause(
            row[0], row[1], idempotency_key=key, collection_only=only
        ),
        ("pause_subscription", only),
    )


def resume(world: World) -> Activity | None:
    """A subscription that has stopped is to go on."""
    new = world.chance.below(2) == 0
    return _wish(
        world,
        "resume",
        lambda billing, row, key: billing.subscriptions.resume(
            row[0], row[1], idempotency_key=key, new_period=new
        ),
        ("resume_subscription", new),
    )


def change(world: World) -> Activity | None:
    """A subscription is put on another plan or quantity."""
    chance = world.chance
    plans = [
        name
        for name, version in world.scenario.catalog.offers.items()
        if version.product == "subscription" and version.prices
    ]
    offer = chance.one_of(plans)
    quantity = min(chance.one_of((1, 2, 3)), world.scenario.catalog.offers[offer].quantity_max)
    proration = chance.one_of(
        (Proration.NOW, Proration.NOW, Proration.NOW, Proration.NONE, Proration.NEXT_INVOICE)
    )
    later = chance.below(4) == 0
    return _wish(
        world,
        f"change to {quantity} x {offer}{' later' if later else ''}",
        lambda billing, row, key: billing.subscriptions.change(
            row[0],
            row[1],
            offer=offer,
            quantity=quantity,
            idempotency_key=key,
            proration=proration,
            at_period_end=later,
        ),
        ("change_subscription", (quantity, proration, later)),
    )


def _wish(world: World, name: str, make: Callable[..., Any], asks: tuple[str, object]) -> Activity | None:
    rows = [row for row in _rows(world, SubscriptionRow) if row[2] not in ENDED]
    return _made(world, name, make, rows, asks)


# --- money -----------------------------------------------------------------------------------


def refund(world: World) -> Activity | None:
    """Money is to go back: all of it, or some."""
    part = world.chance.one_of((0, 0, 2, 3, 7))
    paid = [row for row in _rows(world, InvoiceRow) if row[3] > 0]
    if not paid:
        return None
    amounts = {row[1]: max(1, row[3] // part) if part else None for row in paid}
    return _made(
        world,
        f"refund of {f'1/{part}' if part else 'the rest'}",
        lambda billing, row, key: billing.invoices.refund(
            row[0], row[1], idempotency_key=key, amount=amounts[row[1]]
        ),
        paid,
        ("refund", None),
    )


def _rows(world: World, table: type[Any]) -> list[tuple[str, str, str, int]]:
    """(customer, key, status, paid) of the rows that customers own."""
    rows: list[Any] = list(world.read(world.store.rows(table)))
    owned = (row for row in rows if row.lane.startswith("customer:"))
    return [(row.lane.partition(":")[2], row.key, row.status, getattr(row, "paid", 0)) for row in owned]


def _made(
    world: World,
    name: str,
    make: Callable[..., Any],
    rows: list[tuple[str, str, str, int]],
    asks: tuple[str, object],
) -> Activity | None:
    if not rows or len(world.wishes) >= WISHES_MAX:
        return None
    row = world.chance.one_of(rows)
    key = f"wish-{len(world.wishes)}"
    ask = Ask(
        f"{key} ({name}, {row[0]}, {row[1]})",
        lambda billing: make(billing, row, key),
        lambda done: done.receipt,
        wish=(asks[0], row[1].rpartition(":")[2], asks[1]),
    )
    world.wishes.append(ask)
    return world.ask(ask)


KINDS = (
    ("switch", switch, 6),
    ("cancel", cancel, 5),
    ("uncancel", uncancel, 3),
    ("pause", pause, 5),
    ("resume", resume, 4),
    ("change", change, 8),
    ("refund", refund, 9),
)
