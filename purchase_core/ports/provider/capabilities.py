"""What providers differ in: declared as data, checked before any call."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property

import attrs


class Capability(StrEnum):
    """Something that not every provider can do. An operation that needs one says so when it is missing."""

    # What a price can hold besides its one amount.
    CURRENCY_OVERRIDES = "currency_overrides"  # an amount for whoever pays in another currency
    COUNTRY_OVERRIDES = "country_overrides"  # an amount for whoever lives in some countries
    CATALOG = "catalog"  # products and prices can be listed, changed and archived
    # What a checkout can be told.
    SUBSCRIPTION_CHECKOUT = "subscription_checkout"
    ONE_TIME_CHECKOUT = "one_time_checkout"
    GUEST_CHECKOUT = "guest_checkout"  # without a customer of ours
    QUANTITY = "quantity"
    TRIAL = "trial"
    TRIAL_WITHOUT_CARD = "trial_without_card"
    DISCOUNT = "discount"  # one that the application names
    PROMOTION_CODES = "promotion_codes"  # the buyer may type one
    TAX_COLLECTION = "tax_collection"  # the provider works out tax when asked to
    LOCALE = "locale"
    CHECKOUT_EXPIRY = "checkout_expiry"  # the application says when it ends
    EXPIRE_CHECKOUT = "expire_checkout"  # it can be ended at once
    # What can be done to a subscription.
    CANCEL_NOW = "cancel_now"
    CANCEL_AT_PERIOD_END = "cancel_at_period_end"
    UNCANCEL = "uncancel"
    CHANGE_SUBSCRIPTION = "change_subscription"
    CHANGE_AT_PERIOD_END = "change_at_period_end"
    CHANGE_ON_NEXT_INVOICE = "change_on_next_invoice"  # Proration.NEXT_INVOICE
    CHANGE_WITHOUT_PRORATION = "change_without_proration"  # Proration.NONE
    PREVIEW_CHANGE = "preview_change"
    PAUSE = "pause"
    PAUSE_AT_PERIOD_END = "pause_at_period_end"
    PAUSE_UNTIL = "pause_until"  # the provider resumes it by itself
    PAUSE_COLLECTION = "pause_collection"  # it stays active, and is not charged
    PAUSE_COLLECTION_UNTIL = "pause_collection_until"  # the provider charges it again by itself
    # What happens to money afterwards.
    REFUND = "refund"
    PARTIAL_REFUND = "partial_refund"
    DISPUTES = "disputes"  # they are told as facts, with money that is held back and that comes back
    DISPUTE_INQUIRIES = "dispute_inquiries"  # a bank that only asks is told of too
    DISPUTE_LOSSES = "dispute_losses"  # a lost one is told of; elsewhere it stays open for ever
    INVOICE_LINKS = "invoice_links"
    # Pages for the customer.
    PORTAL = "portal"
    PORTAL_PAYMENT_METHOD = "portal_payment_method"
    PORTAL_CANCEL = "portal_cancel"
    PORTAL_CHANGE = "portal_change"
    PORTAL_RETURN = "portal_return"  # it leads back to the application
    # What keeps us in step.
    LIST_EVENTS = "list_events"
    LIST_OBJECTS = "list_objects"
    WEBHOOK_ENDPOINTS = "webhook_endpoints"


@attrs.frozen
class Capabilities:
    """What an adapter declares.

    `key_lifetime_seconds`: how long idempotency keys hold (0: it has none; unknown outcomes are resolved by
    our reference alone). `refund_approval`: refunds are pending until the provider agrees. `unique_emails`:
    two customers cannot have one e-mail address, so two of ours may share one of the provider's.
    `merchant_of_record`: the provider is the seller, and taxes are its business. `price_trials`: a trial
    belongs to the price and not to the checkout. `price_changes`: amount and terms of a price can be changed
    where it is; elsewhere, another amount is another price. `delayed_payments`: buyers may choose a method
    whose money comes days after the page is complete.
    """

    declared: frozenset[Capability]
    key_lifetime_seconds: int
    currencies: frozenset[str] | None = None  # None: every currency
    refund_approval: bool = False
    unique_emails: bool = False
    merchant_of_record: bool = False
    price_trials: bool = False
    price_changes: bool = False
    delayed_payments: bool = False

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What is declared, as it is written down: sorted."""
        return tuple(sorted(one.value for one in self.declared))

    def __contains__(self, capability: object) -> bool:
        return capability in self.declared
