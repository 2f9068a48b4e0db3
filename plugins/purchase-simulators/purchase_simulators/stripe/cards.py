"""Test payment methods, and what each does: https://docs.stripe.com/testing."""

from __future__ import annotations

import attrs

DECLINED = "card_declined"
AUTHENTICATION_FAILED = "payment_intent_authentication_failure"


@attrs.frozen
class TestMethod:
    """A payment method of test mode. `token` is what API calls name it by.

    `decline`: the decline code ("" = it pays). `challenge`: 3-D Secure comes first. `later`: the decline code
    of payments without the customer. `settles_days`: an asynchronous method; -1 is an immediate one.
    `bounces`: its asynchronous payment fails in the end.
    """

    __test__ = False

    name: str
    token: str
    label: str
    outcome: str
    last4: str
    decline: str = ""
    challenge: bool = False
    later: str = ""
    settles_days: int = -1
    bounces: bool = False

    @property
    def type(self) -> str:
        """Stripe's word for the kind of method."""
        return "card" if self.settles_days < 0 else "sepa_debit"


_METHODS = (
    TestMethod("pays", "pm_card_visa", "Visa ···· 4242", "Pays, now and at every renewal", "4242"),
    TestMethod("challenge", "pm_card_authenticationRequiredOnSetup", "Visa ···· 3155",
               "Asks for 3-D Secure, then pays", "3155", challenge=True),
    TestMethod("always_challenge", "pm_card_authenticationRequired", "Visa ···· 3184",
               "Asks for 3-D Secure at every payment", "3184", challenge=True,
               later="authentication_required"),
    TestMethod("declined", "pm_card_visa_chargeDeclined", "Visa ···· 0002", "Is declined", "0002",
               decline="generic_decline"),
    TestMethod("insufficient_funds", "pm_card_visa_chargeDeclinedInsufficientFunds", "Visa ···· 9995",
               "Has insufficient funds", "9995", decline="insufficient_funds"),
    TestMethod("expired_card", "pm_card_chargeDeclinedExpiredCard", "Visa ···· 0069", "Has expired", "0069",
               decline="expired_card"),
    TestMethod("fails_later", "pm_card_chargeCustomerFail", "Visa ···· 0341",
               "Pays now, is declined at renewals", "0341", later="generic_decline"),
    TestMethod("debit", "pm_sepaDebit", "SEPA ···· 3201", "Pays, after three days", "3201", settles_days=3),
    TestMethod("debit_bounces", "pm_sepaDebit_fails", "SEPA ···· 2202",
               "Is accepted, and fails after three days", "2202", settles_days=3, bounces=True),
    TestMethod("refund_pends", "pm_card_pendingRefund", "Visa ···· 7726",
               "Pays; a refund is pending for a while, then succeeds", "7726"),
    TestMethod("refund_fails", "pm_card_refundFail", "Visa ···· 5126",
               "Pays; a refund succeeds, and fails later", "5126"),
    TestMethod("disputed", "pm_card_createDispute", "Visa ···· 0259",
               "Pays, and is disputed as fraudulent", "0259"),
    TestMethod("inquired", "pm_card_createInquiry", "Visa ···· 1976",
               "Pays, and the bank asks about it", "1976"),
)  # fmt: skip

ALIASES = {
    "pm_card_chargeDeclined": "declined",
    "pm_card_chargeDeclinedInsufficientFunds": "insufficient_funds",
    "pm_card_mastercard": "pays",
    "pm_card_threeDSecure2Required": "challenge",
    "pm_card_createDisputeInquiry": "inquired",
}
"""Other names of Stripe's for the same behaviour."""

METHODS = {one.name: one for one in _METHODS}
BY_NAME = {one.token: one for one in _METHODS} | {token: METHODS[name] for token, name in ALIASES.items()}
BY_LAST4 = {one.last4: one for one in _METHODS}

GOOD_CARD = "pays"

MESSAGES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
}
"""What a buyer is told."""
