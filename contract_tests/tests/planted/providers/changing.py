"""Bugs of what comes after a sale: changes, pauses, bills, refunds, disputes, pages and endpoints."""

from __future__ import annotations

import json
from typing import Any

import attrs
from msgspec.structs import replace

from planted.tiny.adapter import TinyProvider
from planted.tiny.variants import TinyWithApproval
from purchase_core.errors import OutcomeUnknown, ProviderRefused, ProviderUnavailable
from purchase_core.facts.bodies import DisputeSeen, InvoiceSeen, RefundSeen, SubscriptionSeen
from purchase_core.facts.fact import Fact, seen
from purchase_core.instants import Instant
from purchase_core.ports.provider import (
    ChangePreview,
    ChangeRequest,
    Event,
    Fetched,
    InvoiceLinks,
    Normalised,
    ObjectPage,
    PauseRequest,
    PortalFlow,
    PortalRequest,
    Proration,
    RefundReason,
    RefundRequest,
    WebhookEndpoint,
)
from purchase_core.secret import Secret


class _ReadsOtherwise(TinyProvider):
    """Passes every body through `changed`, under the same order and finality."""

    def fact(self, kind: str, document: Any, order: Instant) -> Fact:
        fact = super().fact(kind, document, order)
        return seen(fact.connection, fact.order, self.changed(fact.body), final=fact.final)

    def changed(self, body: Any) -> Any:
        raise NotImplementedError


class _ChangesOtherwise(TinyProvider):
    """Asks for every change as `asked` says."""

    async def change_subscription(self, request: ChangeRequest, *, key: str) -> tuple[Fact, ...]:
        return await super().change_subscription(self.asked(request), key=key)

    def asked(self, request: ChangeRequest) -> ChangeRequest:
        raise NotImplementedError


# --- subscriptions -------------------------------------------------------------------------------


class CancelsWhatIsOver(TinyProvider):
    """Cancelling twice is as good as once, and cancelling nothing too."""

    async def cancel_subscription(
        self, subscription: str, *, at_period_end: bool, key: str
    ) -> tuple[Fact, ...]:
        try:
            return await super().cancel_subscription(subscription, at_period_end=at_period_end, key=key)
        except ProviderRefused:
            return ()


class ForgetsQuantities(_ChangesOtherwise):
    """A subscription is of one."""

    def asked(self, request: ChangeRequest) -> ChangeRequest:
        return attrs.evolve(request, quantity=1)


class NeverProrates(_ChangesOtherwise):
    """The rest of the period is on the house."""

    def asked(self, request: ChangeRequest) -> ChangeRequest:
        return attrs.evolve(request, proration=Proration.NONE)


class AlwaysCharges(_ChangesOtherwise):
    """Whatever was asked, the difference is charged now."""

    def asked(self, request: ChangeRequest) -> ChangeRequest:
        return attrs.evolve(request, proration=Proration.NOW)


class ChargesOnTheNextInvoice(_ChangesOtherwise):
    """What nobody should pay for is on the next invoice."""

    def asked(self, request: ChangeRequest) -> ChangeRequest:
        later = request.proration is Proration.NONE
        return attrs.evolve(request, proration=Proration.NEXT_INVOICE) if later else request


class ChangesAtOnce(_ChangesOtherwise):
    """At the end of the period is now, without proration."""

    def asked(self, request: ChangeRequest) -> ChangeRequest:
        if not request.at_period_end:
            return request
        return attrs.evolve(request, at_period_end=False, proration=Proration.NONE)


class ForgetsScheduledChanges(_ReadsOtherwise):
    """A change counts when it has happened."""

    def changed(self, body: Any) -> Any:
        return (
            replace(body, next_items=(), next_items_at=None) if isinstance(body, SubscriptionSeen) else body
        )


class GivesAwayUpgrades(TinyProvider):
    """A card that does not pay is a reason to change without charging."""

    async def change_subscription(self, request: ChangeRequest, *, key: str) -> tuple[Fact, ...]:
        try:
            return await super().change_subscription(request, key=key)
        except ProviderRefused as refused:
            if refused.provider_code != "declined":
                raise
            free = attrs.evolve(request, proration=Proration.NONE)
            return await super().change_subscription(free, key=f"{key}:free")


class ChangesToTheOldPrice(TinyProvider):
    """A price that is not known is taken for the one that it has."""

    async def change_subscription(self, request: ChangeRequest, *, key: str) -> tuple[Fact, ...]:
        try:
            return await super().change_subscription(request, key=key)
        except ProviderRefused as refused:
            if refused.provider_code != "unknown_id":
                raise
            return ()


class ChangesUnderAKeyOfItsOwn(TinyProvider):
    """Each try has a key of its own, and is charged."""

    tries = 0

    def call(self, operation: str, request: dict[str, Any], key: str = "") -> dict[str, Any]:
        self.tries += 1
        return super().call(operation, request, f"{key}:{self.tries}" if key else "")


class PreviewsByChanging(TinyProvider):
    """The change is made, and made again the other way round."""

    async def preview_change(self, request: ChangeRequest) -> ChangePreview:
        shown = await super().preview_change(request)
        known = self.call("get", {"object": "subscription", "id": request.subscription})["items"][0]
        free = attrs.evolve(request, proration=Proration.NONE)
        await self.change_subscription(free, key="preview")
        back = attrs.evolve(free, price=known["price"], quantity=known["quantity"])
        await self.change_subscription(back, key="preview:back")
        return shown


class PreviewsTheWholePrice(TinyProvider):
    """What is due is the new price."""

    async def preview_change(self, request: ChangeRequest) -> ChangePreview:
        shown = await super().preview_change(request)
        return attrs.evolve(shown, due_now=shown.renewal)


class ForgetsPreviews(_ChangesOtherwise):
    """What was shown is worked out anew."""

    def asked(self, request: ChangeRequest) -> ChangeRequest:
        return attrs.evolve(request, preview="")


class PreviewsWithoutCredit(TinyProvider):
    """What is left over for the buyer is not said."""

    async def preview_change(self, request: ChangeRequest) -> ChangePreview:
        return attrs.evolve(await super().preview_change(request), credit=0)


# --- pauses --------------------------------------------------------------------------------------


class PausesCollectionOnly(TinyProvider):
    """A pause is that nothing is charged."""

    async def pause_subscription(self, request: PauseRequest, *, key: str) -> tuple[Fact, ...]:
        return await super().pause_subscription(attrs.evolve(request, collection_only=True), key=key)


class PausesAltogether(TinyProvider):
    """A pause is a pause."""

    async def pause_subscription(self, request: PauseRequest, *, key: str) -> tuple[Fact, ...]:
        return await super().pause_subscription(attrs.evolve(request, collection_only=False), key=key)


class PausesCollectionForEver(TinyProvider):
    """When collection is to go on is not sent."""

    async def pause_subscription(self, request: PauseRequest, *, key: str) -> tuple[Fact, ...]:
        until = None if request.collection_only else request.resumes_at
        return await super().pause_subscription(attrs.evolve(request, resumes_at=until), key=key)


class PausesAtOnce(TinyProvider):
    """At the end of the period is now."""

    async def pause_subscription(self, request: PauseRequest, *, key: str) -> tuple[Fact, ...]:
        return await super().pause_subscription(attrs.evolve(request, at_period_end=False), key=key)


class PausesForEver(TinyProvider):
    """When it is to go on is not sent."""

    async def pause_subscription(self, request: PauseRequest, *, key: str) -> tuple[Fact, ...]:
        return await super().pause_subscription(attrs.evolve(request, resumes_at=None), key=key)


class AlwaysBeginsAnew(TinyProvider):
    """Whoever goes on pays."""

    async def resume_subscription(self, subscription: str, *, new_period: bool, key: str) -> tuple[Fact, ...]:
        return await super().resume_subscription(subscription, new_period=True, key=key)


class NeverBeginsAnew(TinyProvider):
    """Whoever goes on has what is left."""

    async def resume_subscription(self, subscription: str, *, new_period: bool, key: str) -> tuple[Fact, ...]:
        return await super().resume_subscription(subscription, new_period=False, key=key)


# --- bills ---------------------------------------------------------------------------------------


class ForgetsWhenItWasDue(_ReadsOtherwise):
    """A bill is due when it is seen."""

    def changed(self, body: Any) -> Any:
        return replace(body, due_at=None) if isinstance(body, InvoiceSeen) else body


class AsksForNothing(_ReadsOtherwise):
    """That a card failed is the provider's business."""

    def changed(self, body: Any) -> Any:
        return replace(body, action="") if isinstance(body, InvoiceSeen) else body


class AsksForEver(_ReadsOtherwise):
    """A bill that once failed asks for another card, paid or not."""

    def changed(self, body: Any) -> Any:
        return replace(body, action="update_card") if isinstance(body, InvoiceSeen) else body


class TakesDunningForActive(_ReadsOtherwise):
    """What is over because nobody paid is past due."""

    def changed(self, body: Any) -> Any:
        over = isinstance(body, SubscriptionSeen) and body.status == "canceled"
        return replace(body, status="past_due") if over else body


class LinksToPagesThatAreNot(TinyProvider):
    """The page of an invoice is worked out from its id."""

    async def invoice_links(self, invoice: str) -> InvoiceLinks:
        return InvoiceLinks("", f"https://tiny.example/invoices/{invoice}")


class AsksForPaidBillsToBePaid(TinyProvider):
    """The page of an invoice is where to pay it."""

    async def invoice_links(self, invoice: str) -> InvoiceLinks:
        links = await super().invoice_links(invoice)
        return InvoiceLinks(links.document_url, links.document_url)


# --- refunds and disputes ------------------------------------------------------------------------


class ForgetsItsCommand(_ReadsOtherwise):
    """Who asked for a refund is not said."""

    def changed(self, body: Any) -> Any:
        return replace(body, command="") if isinstance(body, RefundSeen) else body


class SendsReasonsAsTheyCome(TinyProvider):
    """The provider has other words for a reason."""

    async def refund(self, request: RefundRequest, *, key: str) -> tuple[Fact, ...]:
        if request.reason is RefundReason.FRAUDULENT:
            raise ProviderRefused("fraudulent is no reason")
        return await super().refund(request, key=key)


class KnowsNoFailedRefunds(_ReadsOtherwise):
    """A refund that was made has been made."""

    def changed(self, body: Any) -> Any:
        failed = isinstance(body, RefundSeen) and body.status == "failed"
        return replace(body, status="succeeded") if failed else body


class TakesPendingForDone(TinyWithApproval):
    """A refund that was asked for is as good as made."""

    def fact(self, kind: str, document: Any, order: Instant) -> Fact:
        fact = super().fact(kind, document, order)
        if not isinstance(fact.body, RefundSeen) or fact.body.status != "pending":
            return fact
        return seen(fact.connection, fact.order, replace(fact.body, status="succeeded"))


class NeverHearsOfRejections(TinyWithApproval):
    """A refund that was rejected stays pending."""

    def fact(self, kind: str, document: Any, order: Instant) -> Fact:
        fact = super().fact(kind, document, order)
        if not isinstance(fact.body, RefundSeen) or fact.body.status != "rejected":
            return fact
        return seen(fact.connection, fact.order, replace(fact.body, status="pending"))


class TakesDisputesForInquiries(_ReadsOtherwise):
    """A bank that asks, and a bank that takes, are one."""

    def changed(self, body: Any) -> Any:
        return replace(body, status="inquiry") if isinstance(body, DisputeSeen) else body


class TakesInquiriesForDisputes(_ReadsOtherwise):
    """Whatever a bank says, the money is gone."""

    def changed(self, body: Any) -> Any:
        asked = isinstance(body, DisputeSeen) and body.status == "inquiry"
        return replace(body, status="open") if asked else body


class TakesDisputesForRefunds(TinyProvider):
    """Money that a bank takes has gone back to the buyer."""

    def normalise(self, event: Event) -> Normalised:
        meaning = super().normalise(event)
        gone = tuple(
            seen(
                one.connection,
                one.order,
                RefundSeen(body.id, body.invoice, body.amount, body.currency, "succeeded"),
            )
            for one in meaning.facts
            if isinstance(body := one.body, DisputeSeen)
        )
        return replace(meaning, facts=(*meaning.facts, *gone))


class EndsDisputesForGood(TinyProvider):
    """What was won once is won for ever."""

    def fact(self, kind: str, document: Any, order: Instant) -> Fact:
        fact = super().fact(kind, document, order)
        return replace(fact, final=True) if kind == "dispute" and document.status == "won" else fact


class TakesEveryEndForWon(_ReadsOtherwise):
    """A dispute that is closed holds nothing back."""

    def changed(self, body: Any) -> Any:
        lost = isinstance(body, DisputeSeen) and body.status == "lost"
        return replace(body, status="won") if lost else body


# --- pages and endpoints -------------------------------------------------------------------------


class OpensTheOverview(TinyProvider):
    """Whatever somebody came for, there is a page with everything."""

    async def create_portal(self, request: PortalRequest) -> str:
        overview = attrs.evolve(request, flow=PortalFlow.OVERVIEW)
        return await super().create_portal(overview)


class ComesBackNowhere(TinyProvider):
    """An address to return to stands in another address, and is taken for none."""

    async def create_portal(self, request: PortalRequest) -> str:
        if "?" in request.return_url:
            raise ProviderRefused("that is no address")
        return await super().create_portal(request)


class ShowsSecretsAgain(TinyProvider):
    """Whoever asks for the endpoints gets their secrets too."""

    async def endpoints(self) -> tuple[WebhookEndpoint, ...]:
        found = await super().endpoints()
        return tuple(attrs.evolve(one, secret=Secret(f"whsec_{one.id}_0123456789")) for one in found)


class SubscribesToPayments(TinyProvider):
    """An endpoint hears of what was paid."""

    def call(self, operation: str, request: dict[str, Any], key: str = "") -> dict[str, Any]:
        if operation == "make_endpoint":
            request = {**request, "events": ["invoice.paid"]}
        return super().call(operation, request, key)


class ListsTenEndpoints(TinyProvider):
    """The first page of endpoints is all of them."""

    async def endpoints(self) -> tuple[WebhookEndpoint, ...]:
        return (await super().endpoints())[:10]


# --- unknown outcomes ----------------------------------------------------------------------------


class TriesAgainByItself(TinyProvider):
    """A call whose answer is lost is made again, under another key."""

    async def refund(self, request: RefundRequest, *, key: str) -> tuple[Fact, ...]:
        try:
            return await super().refund(request, key=key)
        except OutcomeUnknown:
            return await super().refund(request, key=f"{key}:again")


class TakesLostChangesForRefused(TinyProvider):
    """A change that was not answered was not made."""

    def call(self, operation: str, request: dict[str, Any], key: str = "") -> dict[str, Any]:
        try:
            return super().call(operation, request, key)
        except OutcomeUnknown:
            if operation == "make_session":
                raise
            raise ProviderRefused("no answer") from None


class AnswersLostCallsWithNothing(TinyProvider):
    """A lost answer is an empty one."""

    async def expire_checkout(self, session: str, *, key: str) -> tuple[Fact, ...]:
        try:
            return await super().expire_checkout(session, key=key)
        except OutcomeUnknown:
            return ()


class TakesLostReadsForUnknown(TinyProvider):
    """Whatever was not answered may have happened, though it was only asked."""

    def call(self, operation: str, request: dict[str, Any], key: str = "") -> dict[str, Any]:
        try:
            return super().call(operation, request, key)
        except ProviderUnavailable as error:
            if error.retry_after_seconds is not None or "nobody" in error.message:
                raise
            raise OutcomeUnknown("who knows") from None


# --- reading -------------------------------------------------------------------------------------


class CannotFetchDisputes(TinyProvider):
    """What is told of disputes cannot be asked for."""

    async def fetch(self, kind: str, object_id: str) -> Fetched:
        if kind == "dispute":
            raise ProviderRefused("unknown kind")
        return await super().fetch(kind, object_id)


class ListsWithoutItems(TinyProvider):
    """A list shows less than an event, and what is missing is filled in with nothing."""

    async def objects(self, kind: str, *, cursor: str, limit: int = 100) -> ObjectPage:
        page = await super().objects(kind, cursor=cursor, limit=limit)
        rows = tuple(
            attrs.evolve(one, body=json.dumps(json.loads(one.body) | {"lines": []}).encode())
            for one in page.objects
        )
        return attrs.evolve(page, objects=rows)
