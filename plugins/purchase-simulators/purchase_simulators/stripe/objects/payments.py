"""Payment intents, charges, refunds and disputes."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from .customers import BILLING_DETAILS
from .thing import Json, Metadata, Seconds, Thing, fixed


class PaymentIntent(Thing, frozen=True, kw_only=True):
    """https://docs.stripe.com/api/payment_intents/object. It does not name its invoice."""

    noun: ClassVar[str] = "payment_intent"
    prefix: ClassVar[str] = "pi"

    object: str = "payment_intent"
    amount: int
    amount_capturable: int = 0
    amount_details: Json = fixed({"tip": {}})
    amount_received: int = 0
    application: None = None
    application_fee_amount: None = None
    automatic_payment_methods: None = None
    canceled_at: Seconds | None = None
    cancellation_reason: str | None = None
    capture_method: str = "automatic"
    client_secret: str
    confirmation_method: str = "automatic"
    created: Seconds
    currency: str
    customer: str | None = None
    customer_account: None = None
    description: str | None = None
    last_payment_error: Json | None = None
    latest_charge: str | None = None
    livemode: bool = False
    metadata: Metadata = {}
    next_action: Json | None = None
    on_behalf_of: None = None
    payment_method: str | None = None
    payment_method_configuration_details: None = None
    payment_method_options: Json = fixed({})
    payment_method_types: tuple[str, ...] = ("card",)
    processing: None = None
    receipt_email: str | None = None
    review: None = None
    setup_future_usage: str | None = None
    shipping: None = None
    statement_descriptor: None = None
    statement_descriptor_suffix: None = None
    status: str
    transfer_data: None = None
    transfer_group: None = None


class Charge(Thing, frozen=True, kw_only=True):
    """https://docs.stripe.com/api/charges/object. It does not name its invoice."""

    noun: ClassVar[str] = "charge"
    prefix: ClassVar[str] = "ch"

    object: str = "charge"
    amount: int
    amount_captured: int
    amount_refunded: int = 0
    application: None = None
    application_fee: None = None
    application_fee_amount: None = None
    balance_transaction: None = None
    billing_details: Json = fixed(BILLING_DETAILS)
    calculated_statement_descriptor: str = "PURCHASE"
    captured: bool
    created: Seconds
    currency: str
    customer: str | None
    description: str | None = None
    disputed: bool = False
    failure_balance_transaction: None = None
    failure_code: str | None = None
    failure_message: str | None = None
    fraud_details: Json = fixed({})
    livemode: bool = False
    metadata: Metadata = {}
    on_behalf_of: None = None
    outcome: Json | None = None
    paid: bool
    payment_intent: str
    payment_method: str | None = None
    payment_method_details: Json | None = None
    receipt_email: str | None = None
    receipt_number: None = None
    receipt_url: str | None = None
    refunded: bool = False
    review: None = None
    shipping: None = None
    source_transfer: None = None
    statement_descriptor: None = None
    statement_descriptor_suffix: None = None
    status: str
    transfer_data: None = None
    transfer_group: None = None


class Refund(Thing, frozen=True, kw_only=True):
    """https://docs.stripe.com/api/refunds/object. Usually succeeded at once; it can fail later."""

    noun: ClassVar[str] = "refund"
    prefix: ClassVar[str] = "re"

    object: str = "refund"
    amount: int
    balance_transaction: None = None
    charge: str
    created: Seconds
    currency: str
    destination_details: Json = fixed(
        {"card": {"reference_status": "pending", "type": "refund"}, "type": "card"}
    )
    failure_reason: str | msgspec.UnsetType = msgspec.UNSET
    metadata: Metadata = {}
    payment_intent: str
    pending_reason: str | msgspec.UnsetType = msgspec.UNSET
    reason: str | None = None
    receipt_number: None = None
    source_transfer_reversal: None = None
    status: str
    transfer_reversal: None = None


EVIDENCE: Json = {
    "access_activity_log": None, "billing_address": None, "cancellation_policy": None,
    "cancellation_policy_disclosure": None, "cancellation_rebuttal": None, "customer_communication": None,
    "customer_email_address": None, "customer_name": None, "customer_purchase_ip": None,
    "customer_signature": None, "duplicate_charge_documentation": None,
    "duplicate_charge_explanation": None, "duplicate_charge_id": None, "enhanced_evidence": {},
    "product_description": None, "receipt": None, "refund_policy": None,
    "refund_policy_disclosure": None, "refund_refusal_explanation": None, "service_date": None,
    "service_documentation": None, "shipping_address": None, "shipping_carrier": None,
    "shipping_date": None, "shipping_documentation": None, "shipping_tracking_number": None,
    "uncategorized_file": None, "uncategorized_text": None,
}  # fmt: skip


class Dispute(Thing, frozen=True, kw_only=True):
    """https://docs.stripe.com/api/disputes/object."""

    noun: ClassVar[str] = "dispute"
    prefix: ClassVar[str] = "du"

    object: str = "dispute"
    amount: int
    balance_transactions: tuple[Json, ...] = ()
    charge: str
    created: Seconds
    currency: str
    enhanced_eligibility_types: tuple[str, ...] = ()
    evidence: Json = fixed(EVIDENCE)
    evidence_details: Json
    is_charge_refundable: bool = False
    livemode: bool = False
    metadata: Metadata = {}
    payment_intent: str
    payment_method_details: Json = fixed(
        {
            "card": {
                "brand": "visa",
                "case_type": "chargeback",
                "network": "visa",
                "network_reason_code": "10.4",
            },
            "type": "card",
        }
    )
    reason: str = "fraudulent"
    status: str
