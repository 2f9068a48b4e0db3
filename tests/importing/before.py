"""What a company sold before it had Purchase: products and customers that were made by hand."""

from __future__ import annotations

import attrs

from purchase_core import Catalog, Money, plan, subscription
from purchase_core.billing import Billing
from purchase_core.catalog.features import feature
from purchase_core.importing.mapping import read_customers
from purchase_core.importing.plan import ImportPlan
from purchase_core.operations.surveying import CustomerRules
from purchase_core.ports.provider import CheckoutRequest, CustomerRequest, OurReference
from purchase_core.records.run import Run
from purchase_core.testing.plugins import MemoryPlugin
from tests.rollout.changing import by_hand
from tests.rollout.street import CANCEL, SUCCESS, Street


def catalog(provider_ids: dict[str, str] | None = None) -> Catalog:
    """What is sold today."""
    pro = plan(
        "pro",
        name="Pro",
        price=Money("12.00", "USD"),
        every="month",
        includes=[feature("export")()],
        provider_ids=provider_ids or {},
    )
    return Catalog(subscription("app", name="App", plans=[pro]))


@attrs.define
class Before:
    """An account with a past. `theirs` are the provider's customers, by the name of whom they are."""

    street: Street
    provider: str
    today: str = ""
    old: str = ""
    theirs: dict[str, str] = attrs.Factory(dict)

    async def make(self, names: tuple[str, ...], *, older: tuple[str, ...] = ()) -> None:
        """A price of today and one of before; a subscription for each of these, on today's or another."""
        _, self.today = await by_hand(self.street, self.provider)
        _, self.old = await by_hand(self.street, self.provider, 900, "Old")
        for name in names:
            await self.subscribe(name, self.old if name in older else self.today)

    async def once(self, amount: int, name: str) -> str:
        """A price that is paid once, made by hand; its id."""
        return (await by_hand(self.street, self.provider, amount, name, ""))[1]

    async def subscribe(
        self, name: str, price: str, *, mode: str = "subscription", quantity: int = 1
    ) -> None:
        """A customer made by hand, who subscribes to a price, or pays it once (mode `payment`).

        Nothing of it carries a reference of ours.
        """
        street, plugin = self.street, MemoryPlugin()
        async with street.opening(catalog(), [self.provider], plugins=[plugin], project="past") as billing:
            connection = billing.connections[self.provider]
            request = CustomerRequest(name, f"{name}@example.com")
            self.theirs[name] = await connection.ensure_customer(request, key=f"customer:{name}")
            made = await connection.create_checkout(
                CheckoutRequest(
                    mode, price, quantity, self.theirs[name], SUCCESS, CANCEL, OurReference(intent=name)
                ),
                key=f"checkout:{name}:{price}",
            )
        pay = getattr(street, self.provider).pay
        paid = pay(made.id)
        if self.provider == "sandbox":
            await paid
        street.clock.advance(seconds=1)

    def map(self, *names: str, **others: str) -> CustomerRules:
        """A file in which these are themselves, and the others somebody."""
        rows = [f"{self.theirs[name]},{name}" for name in names]
        rows += [f"{self.theirs[name]},{ours}" for name, ours in others.items()]
        return CustomerRules(read_customers("\n".join(["their_customer,our_customer", *rows]).encode()))


async def applied(billing: Billing, plan_: ImportPlan) -> Run:
    """The plan, carried out to its end."""
    last = await billing.importing.begin(plan_)
    async for run, found in billing.importing.run(last, plan_):
        assert [one for one in found if one.what == "failed"] == []
        last = run
    return last
