"""The README lists the test cards that there are, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from purchase_simulators.paddle.cards import CARDS
from purchase_simulators.stripe.cards import METHODS

README = (Path(__file__).parents[1] / "README.md").read_text()


@pytest.mark.parametrize(
    ("chapter", "cards"),
    [("Stripe", [one.last4 for one in METHODS.values()]), ("Paddle", [one.last4 for one in CARDS.values()])],
)
def test_every_test_card_is_listed(chapter: str, cards: list[str]) -> None:
    text = README.split(f"## {chapter}\n")[1].split("\n## ")[0]
    assert sorted(re.findall(r"···· (\d{4})", text)) == sorted(cards)
