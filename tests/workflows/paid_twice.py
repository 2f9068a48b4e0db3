"""Money that came twice for one order."""

from __future__ import annotations

from purchase_core.facts.rows import CaseRow
from purchase_core.ports.provider import CheckoutRequest, OurReference
from purchase_sandbox.account.objects import Session
from tests.faults.shop import CANCEL as BACK
from tests.faults.shop import SUCCESS, Shop


async def paid_twice(shop: Shop, offer: str = "app:pro") -> None:
    """Ana pays one order on two pages, as two tabs or a lost answer leave them behind."""
    checkout = await shop.start(offer=offer)
    (page,) = shop.made(Session)
    reference = OurReference(intent=checkout.id, attempt="attempt_of_the_other_tab", customer="ana")
    request = CheckoutRequest(
        page.mode, page.price, page.quantity, page.customer or "", SUCCESS, BACK, reference
    )
    other = await shop.provider.create_checkout(request, key="the other tab")
    await shop.harness.pay(checkout.session)
    shop.advance(seconds=30)
    await shop.harness.pay(other.id)
    await shop.deliver()


async def the_case(shop: Shop, about: str = "invoice") -> CaseRow:
    (found,) = [row for row in await shop.billing.cases.list() if row.about.startswith(about)]
    return found
