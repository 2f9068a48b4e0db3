"""Bugs of calling: what is made twice, found wrongly, or taken for another outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from planted.tiny.adapter import TinyProvider
from purchase_core.errors import (
    AuthenticationFailed,
    OutcomeUnknown,
    ProviderRefused,
    ProviderUnavailable,
)
from purchase_core.facts.fact import Fact
from purchase_core.instants import Instant
from purchase_core.ports.provider import (
    Capabilities,
    Capability,
    ChangeRequest,
    CheckoutRequest,
    CustomerPage,
    CustomerRequest,
    EventPage,
    Fetched,
    ObjectPage,
    OurReference,
    PortalRequest,
    PriceRequest,
    ProviderCheckout,
    RefundRequest,
)


def _without(*capabilities: Capability) -> Capabilities:
    declared = TinyProvider.capabilities
    return attrs.evolve(declared, declared=declared.declared - set(capabilities))


class DoesMoreThanItDeclares(TinyProvider):
    """Refunds are not declared, and are sent all the same."""

    capabilities = _without(Capability.REFUND, Capability.PARTIAL_REFUND)

    def need(self, *capabilities: Capability) -> None:
        pass


class RaisesNotImplemented(TinyProvider):
    """What it cannot do, it has not written."""

    capabilities = _without(Capability.PORTAL)

    async def create_portal(self, request: PortalRequest) -> str:
        raise NotImplementedError


# --- checkouts -----------------------------------------------------------------------------------


class OpensPagesWithoutEncryption(TinyProvider):
    """The page to pay on is http."""

    def checkout(self, session: Mapping[str, Any]) -> ProviderCheckout:
        found = super().checkout(session)
        return attrs.evolve(found, url=found.url.replace("https:", "http:"))


class ForgetsKeys(TinyProvider):
    """Idempotency keys are not sent."""

    def call(self, operation: str, request: dict[str, Any], key: str = "") -> dict[str, Any]:
        return super().call(operation, request)


class ReusesCheckouts(TinyProvider):
    """A customer with an open checkout gets it again."""

    async def create_checkout(self, request: CheckoutRequest, *, key: str) -> ProviderCheckout:
        for one in self.call("list", {"object": "session"})["data"]:
            if one["customer"] == request.customer and one["status"] == "open":
                return self.checkout(one)
        return await super().create_checkout(request, key=key)


class FindsTheNewestCheckout(TinyProvider):
    """The last checkout must be the one that was meant."""

    async def find_checkout(self, attempt: str) -> ProviderCheckout | None:
        found = self.call("list", {"object": "session"})["data"]
        return self.checkout(found[-1]) if found else None


class FindsOthersCheckouts(TinyProvider):
    """An attempt is looked for in every project."""

    async def find_checkout(self, attempt: str) -> ProviderCheckout | None:
        found = self.find("session", {"purchase_attempt": attempt})
        return self.checkout(found) if found else None


class ExpiresInWordsOnly(TinyProvider):
    """The checkout is told to be expired, and can be paid."""

    async def expire_checkout(self, session: str, *, key: str) -> tuple[Fact, ...]:
        found = self.call("get", {"object": "session", "id": session})
        return self.facts("session", {**found, "status": "expired"})


# --- customers and prices ------------------------------------------------------------------------


class MakesCustomersAgain(TinyProvider):
    """Whether the customer is there is not asked."""

    async def ensure_customer(self, request: CustomerRequest, *, key: str) -> str:
        metadata = OurReference(customer=request.customer).metadata(self.connection)
        return str(self.call("make_customer", {"metadata": metadata, "email": ""}, key)["id"])


class FindsCustomersByEmail(TinyProvider):
    """Who has the same address is the same customer."""

    async def ensure_customer(self, request: CustomerRequest, *, key: str) -> str:
        for one in self.call("list", {"object": "customer"})["data"]:
            if request.email and one["email"] == request.email:
                return str(one["id"])
        return await super().ensure_customer(request, key=key)


class SharesCustomers(TinyProvider):
    """A customer is looked for in every project."""

    async def ensure_customer(self, request: CustomerRequest, *, key: str) -> str:
        found = self.find("customer", {"purchase_customer": request.customer})
        return str(found["id"]) if found else await super().ensure_customer(request, key=key)


class FoldsNames(TinyProvider):
    """Customers are the same whatever their case."""

    async def ensure_customer(self, request: CustomerRequest, *, key: str) -> str:
        folded = attrs.evolve(request, customer=request.customer.casefold())
        return await super().ensure_customer(folded, key=key)


class MakesPricesAgain(TinyProvider):
    """Every checkout makes its own price."""

    def find(self, kind: str, metadata: Mapping[str, str]) -> dict[str, Any] | None:
        return None if kind == "price" else super().find(kind, metadata)


class KnowsOnePriceAnOffer(TinyProvider):
    """The price of an offer is found, whatever its version."""

    async def ensure_price(self, request: PriceRequest, *, key: str) -> str:
        return await super().ensure_price(attrs.evolve(request, version=request.offer), key=key)


# --- subscriptions and refunds -------------------------------------------------------------------


class CancelsAtOnce(TinyProvider):
    """At the end of the period is now."""

    async def cancel_subscription(
        self, subscription: str, *, at_period_end: bool, key: str
    ) -> tuple[Fact, ...]:
        return await super().cancel_subscription(subscription, at_period_end=False, key=key)


class TakesNothingBack(TinyProvider):
    """A cancellation stays, whatever is said."""

    async def uncancel_subscription(self, subscription: str, *, key: str) -> tuple[Fact, ...]:
        return self.facts("subscription", self.call("get", {"object": "subscription", "id": subscription}))


class ChangesTheQuantityOnly(TinyProvider):
    """The new price is not sent."""

    async def change_subscription(self, request: ChangeRequest, *, key: str) -> tuple[Fact, ...]:
        known = self.call("get", {"object": "subscription", "id": request.subscription})
        same = attrs.evolve(request, price=known["items"][0]["price"])
        return await super().change_subscription(same, key=key)


class AnswersOtherwiseThanItsEvents(TinyProvider):
    """The answer is read by other code than the event, and says less."""

    def facts(self, kind: str, document: Mapping[str, Any]) -> tuple[Fact, ...]:
        found = super().facts(kind, {**document, "metadata": {}})
        return found if kind == "subscription" else super().facts(kind, document)


class RefundsWhatIsLeft(TinyProvider):
    """More than was paid is taken for all that was paid."""

    async def refund(self, request: RefundRequest, *, key: str) -> tuple[Fact, ...]:
        try:
            return await super().refund(request, key=key)
        except ProviderRefused:
            return await super().refund(attrs.evolve(request, amount=None), key=f"{key}:rest")


class RefundsAHalf(TinyProvider):
    """Without an amount, a refund is of something."""

    async def refund(self, request: RefundRequest, *, key: str) -> tuple[Fact, ...]:
        return await super().refund(attrs.evolve(request, amount=request.amount or 600), key=key)


class FindsAnyRefund(TinyProvider):
    """The refund of an invoice is whichever is found first."""

    async def find_refund(self, invoice: str, command: str) -> tuple[Fact, ...]:
        found = self.find("refund", OurReference().metadata(self.connection))
        return self.facts("refund", found) if found else ()


# --- errors --------------------------------------------------------------------------------------


class TellsKeysFromNothing(TinyProvider):
    """A key that was refused is like any refusal."""

    def call(self, operation: str, request: dict[str, Any], key: str = "") -> dict[str, Any]:
        try:
            return super().call(operation, request, key)
        except AuthenticationFailed:
            raise ProviderRefused("no") from None


class TakesRefusalsForUnknown(TinyProvider):
    """Whatever is no answer is an unknown outcome."""

    def call(self, operation: str, request: dict[str, Any], key: str = "") -> dict[str, Any]:
        try:
            return super().call(operation, request, key)
        except AuthenticationFailed:
            raise
        except ProviderRefused:
            raise OutcomeUnknown("who knows") from None


class TakesUnavailableForUnknown(TinyProvider):
    """That nobody answered proves nothing."""

    def call(self, operation: str, request: dict[str, Any], key: str = "") -> dict[str, Any]:
        try:
            return super().call(operation, request, key)
        except ProviderUnavailable:
            raise OutcomeUnknown("who knows") from None


class TakesBusyForRefused(TinyProvider):
    """Status 429 begins with a 4."""

    def call(self, operation: str, request: dict[str, Any], key: str = "") -> dict[str, Any]:
        try:
            return super().call(operation, request, key)
        except ProviderUnavailable as error:
            if error.retry_after_seconds:
                raise ProviderRefused("no") from None
            raise


class TakesUnknownForFailed(TinyProvider):
    """A lost answer means that nothing happened."""

    def call(self, operation: str, request: dict[str, Any], key: str = "") -> dict[str, Any]:
        try:
            return super().call(operation, request, key)
        except OutcomeUnknown:
            raise ProviderUnavailable("it failed") from None


class ShowsItsKey(TinyProvider):
    """The connection's description helps whoever debugs it."""

    def __repr__(self) -> str:
        return f"TinyProvider(api_key={self._api_key.reveal()!r})"


class EchoesTheKey(TinyProvider):
    """An error says which key was refused."""

    def call(self, operation: str, request: dict[str, Any], key: str = "") -> dict[str, Any]:
        try:
            return super().call(operation, request, key)
        except AuthenticationFailed:
            raise AuthenticationFailed(f"refused: {self._api_key.reveal()}") from None


# --- fetching and listing ------------------------------------------------------------------------


class FetchesWithoutATime(TinyProvider):
    """What was fetched is older than everything."""

    async def fetch(self, kind: str, object_id: str) -> Fetched:
        return attrs.evolve(await super().fetch(kind, object_id), order=Instant(0))


class ListsTheNewestEventsFirst(TinyProvider):
    """Each page is in the order of the dashboard."""

    async def events(self, *, cursor: str, limit: int = 100) -> EventPage:
        page = await super().events(cursor=cursor, limit=limit)
        return attrs.evolve(page, bodies=page.bodies[::-1])


class ListsOnePage(TinyProvider):
    """What does not fit on the first page is not there."""

    async def objects(self, kind: str, *, cursor: str, limit: int = 100) -> ObjectPage:
        return attrs.evolve(await super().objects(kind, cursor=cursor, limit=limit), cursor="")


class ListsOnePageOfCustomers(TinyProvider):
    """Who does not fit on the first page is nobody's customer."""

    async def customers(self, *, cursor: str, limit: int = 100) -> CustomerPage:
        return attrs.evolve(await super().customers(cursor=cursor, limit=limit), cursor="")


class ListsCustomersWithoutTheirMetadata(TinyProvider):
    """Whose a customer is, is not told."""

    async def customers(self, *, cursor: str, limit: int = 100) -> CustomerPage:
        page = await super().customers(cursor=cursor, limit=limit)
        return attrs.evolve(page, customers=tuple(attrs.evolve(one, metadata={}) for one in page.customers))


class SendsCustomersAnywhere(TinyProvider):
    """The portal is wherever the application said to return to."""

    async def create_portal(self, request: PortalRequest) -> str:
        return "javascript:alert(1)"
