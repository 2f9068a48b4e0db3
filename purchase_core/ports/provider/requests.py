"""What is asked of a provider, and what it answers. Amounts are integer minor units."""

from __future__ import annotations

from enum import StrEnum

import attrs

from purchase_core.facts.fact import Fact
from purchase_core.instants import Instant
from purchase_core.ports.provider.connection import OurReference
from purchase_core.records.reference import TRIAL
from purchase_core.secret import Secret


@attrs.frozen
class CustomerRequest:
    """One of our customers, to be found or created. `email` goes to the provider and is not stored.

    `instead_of`: ids of theirs at the provider that are gone; none of them is found or made again.
    """

    customer: str
    email: str = attrs.field(default="", repr=False)
    instead_of: tuple[str, ...] = ()


# --- prices ------------------------------------------------------------------------------------


class TaxBehavior(StrEnum):
    """Whether an amount holds the tax already."""

    UNSPECIFIED = ""  # as the account is set up
    INCLUSIVE = "inclusive"
    EXCLUSIVE = "exclusive"


@attrs.frozen
class Override:
    """Another amount for buyers who pay in another currency, or who live in one of some countries."""

    unit_amount: int
    currency: str
    countries: tuple[str, ...] = ()  # none: for everybody who pays in this currency


@attrs.frozen
class PriceRequest:
    """A price for one offer version. `unit_amount` in minor units; no interval: paid once.

    `trial_days` only where trials belong to prices (`Capabilities.price_trials`). `product`: the provider's
    id of what it is a price of; "" = the offer's product, found or made.
    """

    offer: str
    version: str
    product_name: str
    unit_amount: int
    currency: str
    interval: str = ""  # day | week | month | year
    interval_count: int = 1
    trial_days: int = 0
    tax_behavior: TaxBehavior = TaxBehavior.UNSPECIFIED
    tax_category: str = ""  # the provider's word for it; "" = the account's default
    quantity_max: int = 1
    overrides: tuple[Override, ...] = ()
    product: str = ""

    @property
    def reference(self) -> OurReference:
        """What marks the price as ours."""
        return OurReference(offer=self.offer, version=self.version, variant=self.variant)

    @property
    def currencies(self) -> tuple[str, ...]:
        """Those that it can be paid in by whoever chooses: its own first, then those of its overrides."""
        return (self.currency, *(one.currency for one in self.overrides if not one.countries))

    @property
    def variant(self) -> str:
        """Which of a version's prices it is: TRIAL, or "" for the one without."""
        return TRIAL if self.trial_days else ""


# --- checkouts ---------------------------------------------------------------------------------


@attrs.frozen
class CheckoutRequest:
    """A checkout of one offer. `mode`: subscription | payment. Our references travel in the metadata.

    `customer` is the provider's id of the buyer; "" for a guest. `expires_at`: when the provider is to end
    it (None: the provider's own term). Each option needs the capability of its name. Where trials belong to
    prices, `trial_days` repeats what the price was made with.
    """

    mode: str
    price: str
    quantity: int
    customer: str
    success_url: str
    cancel_url: str
    reference: OurReference
    trial_days: int = 0
    trial_without_card: bool = False
    currency: str = ""  # one of the price's; "" = the one it was made for
    discount: str = ""  # the provider's id of a discount, coupon or promotion code
    promotion_codes: bool = False
    collect_tax: bool = False
    locale: str = ""
    expires_at: Instant | None = None
    email: str = attrs.field(default="", repr=False)  # of a guest


@attrs.frozen
class ProviderCheckout:
    """A checkout session at the provider. `facts` are what its answer witnessed.

    `expires_at` is None where the provider never ends a checkout by itself.
    """

    id: str
    url: str
    expires_at: Instant | None
    facts: tuple[Fact, ...] = ()


# --- subscriptions -----------------------------------------------------------------------------


class Proration(StrEnum):
    """What becomes of the difference when a subscription is changed within its period.

    Always pay first: where money is due at once and is not paid, the change is refused and nothing changes.
    """

    NOW = "now"  # charged at once
    NEXT_INVOICE = "next_invoice"  # on the next invoice
    NONE = "none"  # nobody pays for the rest of the period


@attrs.frozen
class ChangeRequest:
    """Put a subscription's one item on another price or quantity.

    `at_period_end`: the items change with the next renewal, and there is nothing to prorate. `preview` is
    the token of a preview (ChangePreview): what was shown is what is charged.
    """

    subscription: str
    price: str
    quantity: int
    proration: Proration = Proration.NOW
    at_period_end: bool = False
    preview: str = ""


@attrs.frozen
class ChangePreview:
    """What a change would cost. Amounts include tax where the provider knows it.

    `due_now` is charged at once, `credit` is left over for the buyer, `renewal` is due at `renews_at`.
    `token` goes into the request, so that time that passes meanwhile does not change the amounts.
    """

    currency: str
    due_now: int
    credit: int
    renewal: int
    renews_at: Instant | None
    token: str = ""


@attrs.frozen
class PauseRequest:
    """Stop a subscription for a while. `collection_only`: it stays as it is, and is not charged."""

    subscription: str
    at_period_end: bool = False
    resumes_at: Instant | None = None
    collection_only: bool = False


# --- money back --------------------------------------------------------------------------------


class RefundReason(StrEnum):
    """Why money goes back, in the words that providers have in common."""

    REQUESTED = "requested"
    DUPLICATE = "duplicate"
    FRAUDULENT = "fraudulent"


@attrs.frozen
class RefundRequest:
    """Pay back an invoice, wholly (None) or in part. `reference.command` finds it again (`find_refund`)."""

    invoice: str
    amount: int | None
    reference: OurReference
    reason: RefundReason = RefundReason.REQUESTED


@attrs.frozen
class InvoiceLinks:
    """Pages about an invoice: where to pay it, and its document. "" where there is none."""

    pay_url: str = ""
    document_url: str = ""


# --- pages and endpoints -------------------------------------------------------------------------


class PortalFlow(StrEnum):
    """What a customer is sent to the provider's pages for."""

    OVERVIEW = "overview"
    PAYMENT_METHOD = "payment_method"
    CANCEL = "cancel"
    CHANGE = "change"


@attrs.frozen
class PortalRequest:
    """A page of the provider for one of its customers. All flows but the overview name a subscription."""

    customer: str
    flow: PortalFlow = PortalFlow.OVERVIEW
    subscription: str = ""
    return_url: str = ""


@attrs.frozen
class WebhookEndpoint:
    """Where a provider sends its events. `secret` only in the answer that made it, as providers do."""

    id: str
    url: str
    enabled: bool
    events: tuple[str, ...]
    api_version: str = ""
    secret: Secret | None = None
