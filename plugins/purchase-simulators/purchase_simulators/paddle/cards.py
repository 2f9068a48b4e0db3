"""The test cards: what each does at a checkout, and at renewals. No page takes a card number.

The declines are Paddle's error codes of payment attempts (api-reference/transactions, `payments.error_code`).
"""

from __future__ import annotations

import attrs

from .shapes import Document


@attrs.frozen
class Card:
    """A test card. `refusal` is its decline now, `later` its decline when nobody is there to pay.

    `challenge`: the checkout page lets the bank ask first (3-D Secure).
    """

    name: str
    last4: str
    outcome: str
    refusal: str = ""
    later: str = ""
    challenge: bool = False
    slow: bool = False  # the money arrives, or fails to, when somebody says so

    def document(self) -> Document:
        """As a payment attempt shows it."""
        return {
            "type": "visa",
            "last4": self.last4,
            "expiry_month": 12,
            "expiry_year": 2032,
            "cardholder_name": "Test Buyer",
        }


CARDS = {
    card.name: card
    for card in (
        Card("pays", "4242", "Pays, now and at every renewal"),
        Card("challenge", "0446", "Asks for 3-D Secure, then pays", challenge=True),
        Card("declined", "0002", "Is declined", refusal="declined"),
        Card("blocked", "9987", "Is blocked", refusal="blocked_card"),
        Card("expired", "0069", "Has expired", refusal="expired_card"),
        Card("fails_later", "0341", "Pays now, is declined at renewals", later="declined"),
        Card("slow", "7777", "Pays some time later, or not", slow=True),
    )
}
GOOD_CARD = "pays"
AUTHENTICATION_FAILED = "authentication_failed"

MESSAGES = {
    "declined": "The card was declined.",
    "blocked_card": "The card is blocked.",
    "expired_card": "The card has expired.",
    AUTHENTICATION_FAILED: "3-D Secure failed: the bank did not confirm that it is you.",
}
"""What a buyer is told."""
