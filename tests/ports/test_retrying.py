"""Reads are tried again: thrice at most, never against `Retry-After`, and not all together."""

from __future__ import annotations

import asyncio

import pytest

from purchase_core.errors import OutcomeUnknown, ProviderError, ProviderRefused, ProviderUnavailable
from purchase_core.ports.provider.retrying import READ_RETRY_MILLISECONDS, read_patiently, spread_seconds


def tries(*outcomes: ProviderError | str) -> tuple[int, list[float], object]:
    """How often it is asked, after which pauses, and what comes of it."""
    left, pauses = list(outcomes), list[float]()

    async def read() -> str:
        outcome = left.pop(0)
        if isinstance(outcome, ProviderError):
            raise outcome
        return outcome

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    try:
        found: object = asyncio.run(read_patiently(read, seed="a", pause=pause))
    except ProviderError as error:
        found = error
    return len(outcomes) - len(left), pauses, found


def down(seconds: float | None = None) -> ProviderUnavailable:
    return ProviderUnavailable("down", retry_after_seconds=seconds)


def test_a_read_is_tried_three_times_at_most() -> None:
    asked, pauses, found = tries(down(), down(), down(), "never asked for")
    assert (asked, len(pauses), type(found)) == (3, 2, ProviderUnavailable)
    assert tries(down(), "answer")[0::2] == (2, "answer")
    assert tries("answer") == (1, [], "answer")


def test_f40_whoever_says_when_to_come_back_is_not_pressed() -> None:
    asked, pauses, found = tries(down(7.0), "never asked for")
    assert (asked, pauses, type(found)) == (1, [], ProviderUnavailable)


@pytest.mark.parametrize("error", [ProviderRefused("no"), OutcomeUnknown("who knows")])
def test_whatever_has_an_answer_or_an_effect_is_not_tried_again(error: ProviderError) -> None:
    assert tries(error, "never asked for") == (1, [], error)


def test_pauses_are_spread_from_a_half_to_the_whole() -> None:
    for milliseconds in READ_RETRY_MILLISECONDS:
        pauses = [spread_seconds(milliseconds, f"{number}") for number in range(2_000)]
        assert min(pauses) >= milliseconds / 2_000
        assert max(pauses) <= milliseconds / 1_000
        assert len({round(one, 5) for one in pauses}) > 300
    assert spread_seconds(100, "same") == spread_seconds(100, "same")
