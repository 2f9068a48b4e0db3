"""Subscriptions, their items and schedules."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from .catalog import Price
from .thing import Json, Metadata, Seconds, Thing, Wire, WireList, fixed


class SubscriptionItem(Thing, frozen=True, kw_only=True):
    """https://docs.stripe.com/api/subscription_items/object. The period stands here."""

    noun: ClassVar[str] = "subscription_item"
    prefix: ClassVar[str] = "si"

    object: str = "subscription_item"
    billing_thresholds: None = None
    created: Seconds
    current_period_end: Seconds
    current_period_start: Seconds
    discounts: tuple[str, ...] = ()
    metadata: Metadata = {}
    price: Price
    quantity: int = 1
    subscription: str
    tax_rates: tuple[Json, ...] = ()


class CancellationDetails(Wire, frozen=True, kw_only=True):
    """Why a subscription was cancelled."""

    comment: str | None = None
    feedback: str | None = None
    reason: str | None = None


class PauseCollection(Wire, frozen=True, kw_only=True):
    """Invoices are made and not charged."""

    behavior: str
    resumes_at: Seconds | None = None


class PendingUpdate(Wire, frozen=True, kw_only=True):
    """A change that waits for its payment."""

    billing_cycle_anchor: Seconds | None = None
    discounts: None = None
    expires_at: Seconds
    metadata: None = None
    subscription_items: tuple[SubscriptionItem, ...]
    trial_end: Seconds | None = None
    trial_from_plan: None = None


class SubscriptionTax(Wire, frozen=True, kw_only=True):
    """Whether tax is worked out by Stripe."""

    disabled_reason: None = None
    enabled: bool = False
    liability: Json | None = None


class EndBehavior(Wire, frozen=True, kw_only=True):
    """What becomes of a trial that ends without a payment method: cancel | create_invoice | pause."""

    missing_payment_method: str = "create_invoice"


class TrialSettings(Wire, frozen=True, kw_only=True):
    """How a trial ends."""

    end_behavior: EndBehavior = EndBehavior()


class Subscription(Thing, frozen=True, kw_only=True):
    """https://docs.stripe.com/api/subscriptions/object."""

    noun: ClassVar[str] = "subscription"
    prefix: ClassVar[str] = "sub"

    object: str = "subscription"
    application: None = None
    application_fee_percent: None = None
    automatic_tax: SubscriptionTax = SubscriptionTax()
    billing_cycle_anchor: Seconds
    billing_cycle_anchor_config: None = None
    billing_mode: Json = fixed({"flexible": {"proration_discounts": "included"}, "type": "flexible"})
    billing_schedules: tuple[Json, ...] = ()
    billing_thresholds: None = None
    cancel_at: Seconds | None = None
    cancel_at_period_end: bool = False
    canceled_at: Seconds | None = None
    cancellation_details: CancellationDetails = CancellationDetails()
    collection_method: str = "charge_automatically"
    created: Seconds
    currency: str
    customer: str
    customer_account: None = None
    days_until_due: None = None
    default_payment_method: str | None = None
    default_source: None = None
    default_tax_rates: tuple[Json, ...] = ()
    description: str | None = None
    discounts: tuple[str, ...] = ()
    ended_at: Seconds | None = None
    invoice_settings: Json = fixed(
        {
            "account_tax_ids": None,
            "custom_fields": None,
            "description": None,
            "footer": None,
            "issuer": {"type": "self"},
        }
    )
    items: WireList[SubscriptionItem]
    latest_invoice: str | None = None
    livemode: bool = False
    metadata: Metadata = {}
    next_pending_invoice_item_invoice: None = None
    on_behalf_of: None = None
    pause_collection: PauseCollection | None = None
    payment_settings: Json = fixed(
        {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        }
    )
    pending_invoice_item_interval: None = None
    pending_setup_intent: None = None
    pending_update: PendingUpdate | None = None
    schedule: str | None = None
    start_date: Seconds
    status: str
    status_details: Json | msgspec.UnsetType = msgspec.UNSET
    test_clock: str | None = None
    transfer_data: None = None
    trial_end: Seconds | None = None
    trial_settings: TrialSettings = TrialSettings()
    trial_start: Seconds | None = None


class PhaseItem(Wire, frozen=True, kw_only=True):
    """What a phase of a schedule sells."""

    billing_thresholds: None = None
    discounts: tuple[Json, ...] = ()
    metadata: Metadata = {}
    price: str
    quantity: int = 1
    tax_rates: tuple[Json, ...] = ()


class Phase(Wire, frozen=True, kw_only=True):
    """A phase of a schedule."""

    add_invoice_items: tuple[Json, ...] = ()
    application_fee_percent: None = None
    billing_cycle_anchor: None = None
    billing_thresholds: None = None
    collection_method: None = None
    currency: str
    default_payment_method: None = None
    default_tax_rates: tuple[Json, ...] = ()
    description: None = None
    discounts: tuple[Json, ...] = ()
    end_date: Seconds
    invoice_settings: None = None
    items: tuple[PhaseItem, ...]
    metadata: Metadata = {}
    on_behalf_of: None = None
    proration_behavior: str = "create_prorations"
    start_date: Seconds
    transfer_data: None = None
    trial_end: Seconds | None = None


class CurrentPhase(Wire, frozen=True, kw_only=True):
    """The phase that a schedule is in."""

    end_date: Seconds
    start_date: Seconds


DEFAULT_SETTINGS: Json = {
    "application_fee_percent": None,
    "billing_cycle_anchor": "automatic",
    "billing_thresholds": None,
    "collection_method": "charge_automatically",
    "default_payment_method": None,
    "description": None,
    "invoice_settings": {"account_tax_ids": None, "days_until_due": None, "issuer": {"type": "self"}},
    "on_behalf_of": None,
    "transfer_data": None,
}


class Schedule(Thing, frozen=True, kw_only=True):
    """https://docs.stripe.com/api/subscription_schedules/object."""

    noun: ClassVar[str] = "subscription schedule"
    prefix: ClassVar[str] = "sub_sched"

    object: str = "subscription_schedule"
    application: None = None
    billing_mode: Json = fixed({"flexible": {"proration_discounts": "included"}, "type": "flexible"})
    canceled_at: Seconds | None = None
    completed_at: Seconds | None = None
    created: Seconds
    current_phase: CurrentPhase | None
    customer: str
    customer_account: None = None
    default_settings: Json = fixed(DEFAULT_SETTINGS)
    end_behavior: str = "release"
    livemode: bool = False
    metadata: Metadata = {}
    pause_schedules: tuple[Json, ...] = ()
    phases: tuple[Phase, ...]
    released_at: Seconds | None = None
    released_subscription: str | None = None
    status: str = "active"
    subscription: str | None
    test_clock: str | None = None
