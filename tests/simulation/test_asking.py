"""What the simulated application knows of what it has asked for, and when it must ask again."""

from __future__ import annotations

import pytest

from purchase_core.errors import ExceedsBalance, StoreUnavailable
from purchase_core.testing.simulation import Plan, play
from purchase_core.testing.simulation.asking import DONE, OPEN, REFUSED, Ask
from purchase_core.testing.simulation.turns import Crashed

REFUSAL = ExceedsBalance("6 ai cannot be taken: 5 can be spent")
LOST = StoreUnavailable("the reply was lost", outcome_unknown=True)


async def nothing(_: object) -> None:
    """Nobody is asked."""


def wish() -> Ask:
    """Something that is refused once, and may be granted later."""
    return Ask("", nothing, lambda answer: answer, kept=True)


def tried(ask: Ask, result: object, error: BaseException | None = None) -> str:
    """It is asked once more, and that is what comes of it."""
    assert ask.end(ask.begin(), result, error) == ""
    return ask.state


@pytest.mark.parametrize("silence", [LOST, Crashed()])
def test_what_was_refused_and_then_had_no_answer_is_open_until_it_is_asked_again(
    silence: BaseException,
) -> None:
    ask = wish()
    assert tried(ask, None, REFUSAL) == REFUSED
    assert tried(ask, None, silence) == OPEN
    assert tried(ask, None, REFUSAL) == REFUSED
    assert tried(ask, None, silence) == OPEN
    assert tried(ask, "done") == DONE
    assert tried(ask, None, silence) == DONE


def test_the_refusal_of_a_try_says_nothing_of_another_one_beside_it() -> None:
    """It may have been refused before the other one had its effect."""
    ask = wish()
    refused, lost = ask.begin(), ask.begin()
    assert ask.end(refused, None, REFUSAL) == ""
    assert ask.state == REFUSED
    assert ask.end(lost, None, LOST) == ""
    assert ask.state == OPEN
    ask = wish()
    lost, refused = ask.begin(), ask.begin()
    assert ask.end(lost, None, LOST) == ""
    assert ask.end(refused, None, REFUSAL) == ""
    assert ask.state == OPEN
    assert tried(ask, None, REFUSAL) == REFUSED


def test_a_reservation_that_was_booked_in_silence_is_told_of_in_the_end() -> None:
    played = play(Plan(111_004))
    assert not played.findings, played.plan.command()
