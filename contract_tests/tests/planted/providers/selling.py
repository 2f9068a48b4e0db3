"""Bugs of selling: what is not sent, not seen, or told of somebody else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from msgspec.structs import replace

from planted.tiny.adapter import TinyProvider
from planted.tiny.variants import TinyMerchant, TinyWithDelays, TinyWithPriceTrials, TinyWithUniqueEmails
from purchase_core.errors import ProviderRefused
from purchase_core.facts.bodies import InvoiceSeen, SessionSeen
from purchase_core.facts.fact import Fact, seen
from purchase_core.instants import HOUR, Instant
from purchase_core.ports.provider import (
    AsgiApp,
    Attempts,
    Capability,
    CheckoutRequest,
    CustomerClaim,
    CustomerRequest,
    Event,
    Normalised,
    OurReference,
    PriceRequest,
    ProviderCheckout,
    TaxBehavior,
)
from purchase_core.ports.provider.pages import Receive, Scope, Send

# --- customers -----------------------------------------------------------------------------------


class MakesCustomersOfEmails(TinyProvider):
    """A customer with a new address is a new customer."""

    async def ensure_customer(self, request: CustomerRequest, *, key: str) -> str:
        metadata = OurReference(customer=request.customer).metadata(self.connection)
        for one in self.call("list", {"object": "customer", "metadata": metadata})["data"]:
            if one["email"] == request.email:
                return str(one["id"])
        return str(self.call("make_customer", {"metadata": metadata, "email": request.email}, key)["id"])


class RefusesSharedEmails(TinyWithUniqueEmails):
    """An address that is taken is an error."""

    def customer_of(self, email: str) -> dict[str, Any]:
        raise ProviderRefused("the address is taken")


class SharesOneCustomerWithEverybody(TinyWithUniqueEmails):
    """Any customer will do where there is one."""

    async def ensure_customer(self, request: CustomerRequest, *, key: str) -> str:
        found = self.call("list", {"object": "customer"})["data"]
        return str(found[0]["id"]) if found else await super().ensure_customer(request, key=key)


class TellsSalesOfTheProvidersCustomer(TinyWithUniqueEmails):
    """A sale is whose the provider's customer is, and that is whoever came first."""

    def normalise(self, event: Event) -> Normalised:
        meaning = super().normalise(event)
        customer = getattr(meaning.facts[0].body, "customer", "") if meaning.facts else ""
        if not customer:
            return meaning
        ours = self.ours(self.call("get", {"object": "customer", "id": customer})["metadata"])
        return replace(meaning, claims=(CustomerClaim(customer, ours.customer),))


class CancelsAllOfACustomer(TinyWithUniqueEmails):
    """A customer has one subscription."""

    async def cancel_subscription(
        self, subscription: str, *, at_period_end: bool, key: str
    ) -> tuple[Fact, ...]:
        known = self.call("get", {"object": "subscription", "id": subscription})
        for one in self.call("list", {"object": "subscription"})["data"]:
            if one["customer"] == known["customer"] and one["id"] != subscription:
                await super().cancel_subscription(one["id"], at_period_end=at_period_end, key=f"{key}:more")
        return await super().cancel_subscription(subscription, at_period_end=at_period_end, key=key)


class FindsCheckoutsByCustomer(TinyWithUniqueEmails):
    """The checkout of an attempt is one of the same customer's."""

    async def find_checkout(self, attempt: str) -> ProviderCheckout | None:
        found = await super().find_checkout(attempt)
        if found is None:
            return None
        known = self.call("get", {"object": "session", "id": found.id})
        for one in self.call("list", {"object": "session"})["data"]:
            if one["customer"] == known["customer"]:
                return self.checkout(one)
        return found


class SellsToAnybody(TinyProvider):
    """A customer that is not known buys as a guest."""

    async def create_checkout(self, request: CheckoutRequest, *, key: str) -> ProviderCheckout:
        try:
            return await super().create_checkout(request, key=key)
        except ProviderRefused as refused:
            if refused.provider_code != "unknown_id":
                raise
            return await super().create_checkout(attrs.evolve(request, customer=""), key=f"{key}:guest")


# --- prices --------------------------------------------------------------------------------------


class SharesPrices(TinyProvider):
    """A price is looked for in every project."""

    def find(self, kind: str, metadata: Mapping[str, str]) -> dict[str, Any] | None:
        if kind == "price":
            metadata = {name: value for name, value in metadata.items() if "project" not in name}
        return super().find(kind, metadata)


class AddsTaxToInclusiveAmounts(TinyProvider):
    """The amount is sent, and the tax of it on top."""

    async def ensure_price(self, request: PriceRequest, *, key: str) -> str:
        if request.tax_behavior is TaxBehavior.INCLUSIVE:
            request = attrs.evolve(request, unit_amount=request.unit_amount * 120 // 100)
        return await super().ensure_price(request, key=key)


class ForgetsQuantityLimits(TinyProvider):
    """How many may be bought is left to the provider, and that is a hundred."""

    async def ensure_price(self, request: PriceRequest, *, key: str) -> str:
        return await super().ensure_price(attrs.evolve(request, quantity_max=100), key=key)


class ForgetsOverrides(TinyProvider):
    """A price has one amount."""

    async def ensure_price(self, request: PriceRequest, *, key: str) -> str:
        return await super().ensure_price(attrs.evolve(request, overrides=()), key=key)


class OverridesForEverybody(TinyMerchant):
    """The amount of some countries becomes the price's own."""

    async def ensure_price(self, request: PriceRequest, *, key: str) -> str:
        amounts = [one.unit_amount for one in request.overrides]
        changed = attrs.evolve(request, unit_amount=amounts[0]) if amounts else request
        return await super().ensure_price(changed, key=key)


class SharesPricesOfTrials(TinyWithPriceTrials):
    """A version has one price, with the trial or without, whichever was wanted first."""

    def find(self, kind: str, metadata: Mapping[str, str]) -> dict[str, Any] | None:
        metadata = {name: value for name, value in metadata.items() if name != "trial"}
        return super().find(kind, metadata)


# --- options of a checkout -----------------------------------------------------------------------


class _SendsOtherwise(TinyProvider):
    """Opens every checkout as `sent` says."""

    async def create_checkout(self, request: CheckoutRequest, *, key: str) -> ProviderCheckout:
        return await super().create_checkout(self.sent(request), key=key)

    def sent(self, request: CheckoutRequest) -> CheckoutRequest:
        raise NotImplementedError


class DropsOptions(TinyProvider):
    """An option that it does not know is left out, and nobody is told."""

    capabilities = attrs.evolve(
        TinyProvider.capabilities,
        declared=TinyProvider.capabilities.declared - {Capability.LOCALE, Capability.DISCOUNT},
    )

    async def create_checkout(self, request: CheckoutRequest, *, key: str) -> ProviderCheckout:
        return await super().create_checkout(attrs.evolve(request, locale="", discount=""), key=key)


class ForgetsTheReferenceOfGuests(_SendsOtherwise):
    """Who has no customer has no intent."""

    def sent(self, request: CheckoutRequest) -> CheckoutRequest:
        return request if request.customer else attrs.evolve(request, reference=OurReference())


class AlwaysAsksForACard(_SendsOtherwise):
    """A trial without a card is a trial."""

    def sent(self, request: CheckoutRequest) -> CheckoutRequest:
        return attrs.evolve(request, trial_without_card=False)


class NeverAsksForACard(_SendsOtherwise):
    """A trial needs no card."""

    def sent(self, request: CheckoutRequest) -> CheckoutRequest:
        return attrs.evolve(request, trial_without_card=True)


class ForgetsDiscounts(_SendsOtherwise):
    """The discount is not sent."""

    def sent(self, request: CheckoutRequest) -> CheckoutRequest:
        return attrs.evolve(request, discount="")


class LeavesFreeSalesOpen(TinyProvider):
    """What nobody paid for is not paid."""

    def fact(self, kind: str, document: Any, order: Instant) -> Fact:
        fact = super().fact(kind, document, order)
        if not isinstance(fact.body, InvoiceSeen) or fact.body.paid or fact.body.lines[0].trial:
            return fact
        return seen(fact.connection, fact.order, replace(fact.body, status="open"), final=fact.final)


class DiscountsThePrice(TinyProvider):
    """The unit amount is told as it was paid."""

    def fact(self, kind: str, document: Any, order: Instant) -> Fact:
        fact = super().fact(kind, document, order)
        if not isinstance(fact.body, InvoiceSeen):
            return fact
        lines = tuple(replace(one, unit_amount=one.amount // one.quantity) for one in fact.body.lines)
        return seen(fact.connection, fact.order, replace(fact.body, lines=lines), final=fact.final)


class TakesEveryCode(_SendsOtherwise):
    """A page takes promotion codes, whether or not it was told to."""

    def sent(self, request: CheckoutRequest) -> CheckoutRequest:
        return attrs.evolve(request, promotion_codes=True)


class TellsTaxAsPrice(TinyProvider):
    """The line of a bill is what was paid for it, tax and all."""

    def fact(self, kind: str, document: Any, order: Instant) -> Fact:
        fact = super().fact(kind, document, order)
        if not isinstance(fact.body, InvoiceSeen) or len(fact.body.lines) != 1:
            return fact
        lines = (replace(fact.body.lines[0], amount=fact.body.total),)
        return seen(fact.connection, fact.order, replace(fact.body, lines=lines), final=fact.final)


class SendsLocalesAsTheyCome(_SendsOtherwise):
    """The provider writes a language with an underscore, or so it was thought."""

    def sent(self, request: CheckoutRequest) -> CheckoutRequest:
        return attrs.evolve(request, locale=request.locale.replace("-", "_"))


class EndsWhenTheProviderLikes(_SendsOtherwise):
    """When a checkout ends is not sent."""

    def sent(self, request: CheckoutRequest) -> CheckoutRequest:
        return attrs.evolve(request, expires_at=None)


class EndsInAnotherZone(_SendsOtherwise):
    """An hour is lost between two clocks."""

    def sent(self, request: CheckoutRequest) -> CheckoutRequest:
        ends = request.expires_at
        return attrs.evolve(request, expires_at=ends and Instant(ends + HOUR))


class SellsWithoutUnknownDiscounts(TinyProvider):
    """A discount that is gone is left out, and the buyer pays the whole."""

    async def create_checkout(self, request: CheckoutRequest, *, key: str) -> ProviderCheckout:
        try:
            return await super().create_checkout(request, key=key)
        except ProviderRefused:
            if not request.discount:
                raise
            return await super().create_checkout(attrs.evolve(request, discount=""), key=f"{key}:whole")


class TellsGuestsOfNobody(TinyProvider):
    """The session of a guest has no intent, since an intent has a customer."""

    def fact(self, kind: str, document: Any, order: Instant) -> Fact:
        fact = super().fact(kind, document, order)
        ours = self.ours(document.metadata)
        if not isinstance(fact.body, SessionSeen) or ours.customer:
            return fact
        return seen(fact.connection, fact.order, replace(fact.body, intent=""), final=fact.final)


class ShowsEveryAttempt(TinyProvider):
    """The application's page carries whatever it is asked for, also what was superseded."""

    def checkout_page(self, attempts: Attempts) -> AsgiApp:
        async def page(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"Pay here."})

        return page


# --- money that comes later ----------------------------------------------------------------------


class TakesCompleteForPaid(TinyWithDelays):
    """Who has come to the end of the page has paid."""

    def fact(self, kind: str, document: Any, order: Instant) -> Fact:
        fact = super().fact(kind, document, order)
        body = fact.body
        if isinstance(body, SessionSeen) and body.status == "complete":
            body = replace(body, payment="paid" if body.payment == "unpaid" else body.payment)
        return seen(fact.connection, fact.order, body, final=fact.final)


class NeverHearsOfArrivals(TinyWithDelays):
    """A page that is complete has nothing more to say."""

    def normalise(self, event: Event) -> Normalised:
        if event.type == "session.updated":
            return Normalised(ignored="it was complete before")
        return super().normalise(event)


class CountsWhatIsUnderWay(TinyWithDelays):
    """A bill whose money is under way is as good as paid, come what may."""

    def fact(self, kind: str, document: Any, order: Instant) -> Fact:
        fact = super().fact(kind, document, order)
        body = fact.body
        if isinstance(body, InvoiceSeen) and body.reason == "first" and body.status != "paid":
            body = replace(body, status="paid", paid=body.total)
        return seen(fact.connection, fact.order, body, final=fact.final)
