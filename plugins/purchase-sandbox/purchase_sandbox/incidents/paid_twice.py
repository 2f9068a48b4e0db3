"""One order is paid on two pages: the second payment is seen, and goes back."""

from __future__ import annotations

from purchase_core.billing import Billing
from purchase_core.ports.provider import CheckoutRequest, CustomerRequest, OurReference
from purchase_core.workflows.checkout import Checkout

from .stage import CONNECTION, OFFER, PRICE, Stage
from .telling import StoryFailed, must

TITLE = "Two payments for one order"
MONTH_DAYS = 31


def play(stage: Stage) -> None:
    """Play it. Raises StoryFailed."""
    (checkout,) = stage.buy("ana")
    stage.side.advance(seconds=30)
    stage.side.pay(_other_page(stage, checkout))
    stage.deliver()
    stage.happens("Ana had two pages open for one order, an old tab and a new one. She pays on both.")
    must(stage.paid("ana") == [PRICE, PRICE], "both payments are known")
    stage.runs("attention", says=["excess", "12.00 USD", "purchase cases show"])
    (case,) = [one for one in stage.asks("cases", "list")["cases"] if one["amount"]]
    must((case["kind"], case["customer"], case["amount"]) == ("excess", "ana", PRICE), "one is too many")
    key = case["key"]
    stage.runs("cases", "show", key, says=["cancel", "refund", "12.00 USD"])
    stage.runs("cases", "settle", key, code=2, says=["say --yes"])
    must(not stage.side.refunds(), "no money moves unless somebody has said yes")
    stage.runs("cases", "settle", key, "--yes", says=["cancel", "refund"])
    stage.side.advance(seconds=15 * 60)  # where somebody has to agree to a refund, they have
    stage.deliver()
    stage.runs("cases", "list", says=["No open cases."])
    must(stage.side.refunds() == [PRICE], "it went back once")
    stage.side.advance(days=MONTH_DAYS)
    stage.side.advance(days=1)  # bills may be drafts for a while
    stage.deliver()
    must(stage.paid("ana") == [PRICE] * 3, "one of the two is renewed")
    stage.runs("doctor", "--truth", says=["Nothing is wrong."])
    stage.now(
        "One payment went back, one subscription goes on: a month later Ana is billed once.",
        *stage.has("ana"),
    )


def _other_page(stage: Stage, checkout: Checkout) -> str:
    """A second page for the same order, as a lost answer or a link that was kept leave it behind."""

    async def opened(billing: Billing) -> str:
        provider = billing.connections[CONNECTION]
        version = billing.catalog.offers[OFFER].hash
        sold = await billing.store.price_for(CONNECTION, version, "USD")
        if sold is None:
            raise StoryFailed("no price was made")
        request = CheckoutRequest(
            mode="subscription",
            price=sold.price,
            quantity=1,
            customer=await provider.ensure_customer(CustomerRequest("ana", "ana@example.com"), key="ana"),
            success_url="https://shop.example/thanks",
            cancel_url="https://shop.example/cart",
            reference=OurReference(intent=checkout.id, attempt="attempt_of_the_other_tab", customer="ana"),
        )
        return (await provider.create_checkout(request, key="the other tab")).id

    return stage.do(opened)
