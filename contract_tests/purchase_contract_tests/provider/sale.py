"""A sale, as the promises need it: who buys what, and what the provider's events make of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias, TypeVar

import attrs

from purchase_contract_tests.provider.bench import ProviderBench
from purchase_core.facts.bodies import Body
from purchase_core.facts.fact import Fact
from purchase_core.facts.register import Register, observe
from purchase_core.ports.provider import (
    Capability,
    CheckoutRequest,
    CustomerRequest,
    Normalised,
    OurReference,
    PriceRequest,
    Provider,
    ProviderCheckout,
)

B = TypeVar("B", bound=Body)

Option: TypeAlias = Callable[[CheckoutRequest], CheckoutRequest]
"""Something that a checkout is told besides what everybody asks for."""

LOOKUPS_MAX = 20
SUCCESS_URL, CANCEL_URL = "http://127.0.0.1/thanks", "http://127.0.0.1/pricing"


@attrs.frozen
class Wish:
    """What somebody wants to buy. No interval: paid once. No e-mail: one of the customer's own."""

    number: int = 1
    customer: str = "ana"
    amount: int = 1_200
    currency: str = "USD"
    interval: str = "month"
    quantity: int = 1
    trial_days: int = 0
    quantity_max: int = 10
    email: str = ""

    @property
    def version(self) -> str:
        """The offer version: the same wish, the same version."""
        return f"version-{self.amount}-{self.interval or 'once'}-{self.quantity_max}"

    @property
    def reference(self) -> OurReference:
        """What travels in the metadata."""
        return OurReference(f"intent_{self.number}", f"attempt_{self.number}", self.customer, self.version)

    @property
    def buyer(self) -> CustomerRequest:
        """The customer who wishes."""
        return CustomerRequest(self.customer, self.email or f"{self.customer}@example.com")

    def price_request(self, *, trial_days: int = 0) -> PriceRequest:
        """The price that the wish needs; with a trial only where trials belong to prices."""
        return PriceRequest(
            offer="app:pro",
            version=self.version,
            product_name="App Pro",
            unit_amount=self.amount,
            currency=self.currency,
            interval=self.interval,
            trial_days=trial_days,
            quantity_max=self.quantity_max,
        )


@attrs.frozen
class Sale:
    """A checkout that was opened for a wish."""

    wish: Wish
    request: CheckoutRequest
    checkout: ProviderCheckout


ONCE = Wish(interval="")


def a_wish(bench: ProviderBench, number: int = 1) -> Wish:
    """A wish that the provider can fulfil, whatever it declares."""
    monthly = Capability.SUBSCRIPTION_CHECKOUT in bench.provider.capabilities
    return Wish(number, interval="month" if monthly else "")


async def prepare(provider: Provider, wish: Wish) -> CheckoutRequest:
    """Make sure of customer and price, and say what is to be bought."""
    customer = await provider.ensure_customer(wish.buyer, key=f"customer:{wish.customer}")
    wanted = wish.price_request(trial_days=wish.trial_days if provider.capabilities.price_trials else 0)
    key = f"price:{wish.version}:{wish.currency}:{wanted.trial_days}"
    price = await provider.ensure_price(wanted, key=key)
    return CheckoutRequest(
        mode="subscription" if wish.interval else "payment",
        price=price,
        quantity=wish.quantity,
        customer=customer,
        success_url=SUCCESS_URL,
        cancel_url=CANCEL_URL,
        reference=wish.reference,
        trial_days=wish.trial_days,
    )


def _plain(request: CheckoutRequest) -> CheckoutRequest:
    return request


async def open_sale(
    bench: ProviderBench,
    wish: Wish | None = None,
    option: Option = _plain,
) -> Sale:
    """Open a checkout for a wish; any will do, if none is given. `option` changes what is asked for."""
    wish = wish or a_wish(bench)
    request = option(await prepare(bench.provider, wish))
    checkout = await bench.provider.create_checkout(request, key=f"checkout:{wish.number}")
    return Sale(wish, request, checkout)


async def sell(
    bench: ProviderBench,
    wish: Wish | None = None,
    option: Option = _plain,
) -> tuple[Sale, list[Fact]]:
    """Open a checkout, have it paid, and return the facts that the provider's webhooks tell."""
    sale = await open_sale(bench, wish, option)
    await bench.pay(sale.checkout)
    return sale, await told(bench)


async def told(bench: ProviderBench) -> list[Fact]:
    """The facts of the webhooks that were sent since this was last asked."""
    return [fact for webhook in await bench.sent() for fact in await understood(bench.provider, webhook.body)]


async def understood(provider: Provider, body: bytes) -> list[Fact]:
    """The facts of one event, looked up where it needs a look-up."""
    meaning = provider.normalise(provider.parse(body))
    facts, needs = list(meaning.facts), list(meaning.needs)
    for _ in range(LOOKUPS_MAX):
        if not needs:
            return facts
        need = needs.pop()
        found = provider.normalise(provider.parse_fetched(await provider.fetch(need.kind, need.id)))
        facts += found.facts
        needs += found.needs
    message = f"more than {LOOKUPS_MAX} look-ups for one event"
    raise AssertionError(message)


def meanings(provider: Provider, bodies: Iterable[bytes]) -> list[Normalised]:
    """What events mean, as the adapter tells without the network."""
    return [provider.normalise(provider.parse(body)) for body in bodies]


def registers(facts: Iterable[Fact]) -> dict[str, Register]:
    """What the facts amount to, by object."""
    found: dict[str, Register] = {}
    for fact in facts:
        found[fact.object] = observe(found.get(fact.object), fact)
    return found


def states(facts: Iterable[Fact], kind: type[B]) -> list[B]:
    """The newest state of each object of a kind."""
    bodies = [one.newest.body for one in registers(facts).values()]
    return [body for body in bodies if isinstance(body, kind)]


def only(bodies: Sequence[B]) -> B:
    """The one that there is."""
    assert len(bodies) == 1, bodies
    return bodies[0]
