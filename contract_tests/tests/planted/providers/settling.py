"""Bugs of money after a sale: bills, refunds and disputes."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from planted.tiny.adapter import TinyProvider
from planted.tiny.variants import TinyWithApproval
from purchase_core.errors import ProviderRefused
from purchase_core.facts.bodies import DisputeSeen, InvoiceSeen, RefundSeen, SubscriptionSeen
from purchase_core.facts.fact import Fact, seen
from purchase_core.instants import Instant
from purchase_core.ports.provider import (
    Event,
    InvoiceLinks,
    Normalised,
    RefundReason,
    RefundRequest,
)

from .otherwise import ReadsOtherwise

# --- bills ---------------------------------------------------------------------------------------


class ForgetsWhenItWasDue(ReadsOtherwise):
    """A bill is due when it is seen."""

    def changed(self, body: Any) -> Any:
        return replace(body, due_at=None) if isinstance(body, InvoiceSeen) else body


class AsksForNothing(ReadsOtherwise):
    """That a card failed is the provider's business."""

    def changed(self, body: Any) -> Any:
        return replace(body, action="") if isinstance(body, InvoiceSeen) else body


class AsksForEver(ReadsOtherwise):
    """A bill that once failed asks for another card, paid or not."""

    def changed(self, body: Any) -> Any:
        return replace(body, action="update_card") if isinstance(body, InvoiceSeen) else body


class TakesDunningForActive(ReadsOtherwise):
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


class ForgetsItsCommand(ReadsOtherwise):
    """Who asked for a refund is not said."""

    def changed(self, body: Any) -> Any:
        return replace(body, command="") if isinstance(body, RefundSeen) else body


class SendsReasonsAsTheyCome(TinyProvider):
    """The provider has other words for a reason."""

    async def refund(self, request: RefundRequest, *, key: str) -> tuple[Fact, ...]:
        if request.reason is RefundReason.FRAUDULENT:
            raise ProviderRefused("fraudulent is no reason")
        return await super().refund(request, key=key)


class KnowsNoFailedRefunds(ReadsOtherwise):
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


class TakesDisputesForInquiries(ReadsOtherwise):
    """A bank that asks, and a bank that takes, are one."""

    def changed(self, body: Any) -> Any:
        return replace(body, status="inquiry") if isinstance(body, DisputeSeen) else body


class TakesInquiriesForDisputes(ReadsOtherwise):
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


class TakesEveryEndForWon(ReadsOtherwise):
    """A dispute that is closed holds nothing back."""

    def changed(self, body: Any) -> Any:
        lost = isinstance(body, DisputeSeen) and body.status == "lost"
        return replace(body, status="won") if lost else body
