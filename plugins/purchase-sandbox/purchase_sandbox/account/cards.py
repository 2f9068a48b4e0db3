"""The test cards: what each does on the hosted page, and at renewals. No page of ours takes a card number."""

from __future__ import annotations

import attrs


@attrs.frozen
class Card:
    """A test card. `refusal`: the code of its decline, "" if it pays. `challenge`: 3-D Secure comes first."""

    name: str
    label: str
    outcome: str
    refusal: str = ""
    challenge: bool = False
    renewal_refusal: str = ""


_CARDS = (
    Card("pays", "Visa ···· 4242", "Pays, now and at every renewal"),
    Card("challenge", "Visa ···· 3220", "Asks for 3-D Secure, then pays", challenge=True),
    Card("declined", "Visa ···· 0002", "Is declined", refusal="card_declined"),
    Card("insufficient_funds", "Visa ···· 9995", "Has insufficient funds", refusal="insufficient_funds"),
    Card("expired_card", "Visa ···· 0069", "Has expired", refusal="expired_card"),
    Card(
        "fails_later",
        "Visa ···· 0341",
        "Pays now, is declined at renewals",
        renewal_refusal="card_declined",
    ),
)
CARDS = {card.name: card for card in _CARDS}

GOOD_CARD = "pays"
NO_CARD = "none"  # of a trial that asked for none
AUTHENTICATION_FAILED = "authentication_failed"


def declined_later(card: str) -> str:
    """Why a card does not pay a bill that nobody is there to confirm; "" if it pays."""
    return CARDS[card].renewal_refusal if card in CARDS else "no_card"


MESSAGES = {
    "card_declined": "The card was declined.",
    "insufficient_funds": "The card has insufficient funds.",
    "expired_card": "The card has expired.",
    AUTHENTICATION_FAILED: "3-D Secure failed: the bank did not confirm that it is you.",
}
