"""Scores of plugins: what fails, or never ends, has said nothing."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from itertools import repeat
from typing import Any

import pytest

from purchase_core.plugins.hookspecs import RouteScore
from purchase_core.plugins.listeners import BLOCKED_SECONDS
from purchase_core.plugins.scores import SCORES_MAX
from purchase_core.ports.router import Advice, Said, Trouble
from tests.plugins.hooking import (
    CANARY,
    CANDIDATES,
    FAILURES,
    REQUEST,
    SOON,
    Asked,
    advice,
    content,
    each_failure,
    listeners,
    run,
    score,
)


def test_what_each_plugin_said_is_kept_under_its_name() -> None:
    found = score(
        [RouteScore("one", 1.5), RouteScore("two", excluded="too dear")],
        [RouteScore("two", 2, excluded="too slow"), RouteScore("one", -0.25)],
    )
    assert [one.said for one in found] == [
        (Said("plugin-0", 1.5), Said("plugin-1", -0.25)),
        (Said("plugin-0", 0.0, "too dear"), Said("plugin-1", 2.0, "too slow")),
    ]


def test_of_two_scores_of_one_connection_the_first_counts() -> None:
    found = score([RouteScore("one", 1), RouteScore("one", 7, excluded="what?")])
    assert found[0].said == (Said("plugin-0", 1.0),)


def test_a_score_of_something_that_is_no_candidate_adds_none_and_is_told() -> None:
    found = advice([RouteScore("three", 100), RouteScore("", 1), RouteScore("two", 2)])
    assert [one.said for one in found.candidates] == [(), (Said("plugin-0", 2.0),)]
    assert found.troubles == (Trouble("plugin-0", "foreign", "2 of no candidate"),)
    assert advice([]) == advice(()) == Advice(CANDIDATES)


@pytest.mark.parametrize(
    "answer",
    [
        None, 7, "one", [None], ["one"], [object()],
        [RouteScore("one", math.nan)], [RouteScore("one", math.inf)], [RouteScore("one", -math.inf)],
        [RouteScore("one", 10**400)], [RouteScore("one", "high")],  # type: ignore[arg-type]
        [RouteScore("one", 1), RouteScore("two", math.nan)],
        [RouteScore("one", excluded="\ud800")], [RouteScore("one", excluded="a\x00b")],
        [RouteScore("one", excluded="x" * 501)], [RouteScore("one", excluded=7)],  # type: ignore[arg-type]
        [RouteScore(["one"])],  # type: ignore[arg-type]
    ],
    ids=range(17),
)  # fmt: skip
def test_what_cannot_be_recorded_was_not_said_at_all(
    answer: object, caplog: pytest.LogCaptureFixture
) -> None:
    found = advice(answer)
    assert found.candidates == CANDIDATES
    assert [(one.plugin, one.kind) for one in found.troubles] == [("plugin-0", "invalid")]
    assert "plugin-0 failed in purchase_score_routes" in caplog.text


@each_failure
def test_f102_f103_a_plugin_that_fails_to_score_leaves_the_others_word(failure: str) -> None:
    bad, good = Asked(FAILURES[failure]), Asked(lambda: content([RouteScore("two", 3.0)]))
    found = run(listeners(bad, good, seconds_max=SOON).score(REQUEST, CANDIDATES))
    assert [one.said for one in found.candidates] == [(), (Said("plugin-1", 3.0),)]
    kind = "late" if failure in ("hangs", "clings") else "raised"
    assert [(one.plugin, one.kind) for one in found.troubles] == [("plugin-0", kind)]
    assert bad.heard == good.heard == ["score"]


@pytest.mark.parametrize(("part", "told"), [(0.75, False), (1.5, True)])
def test_a_plugin_that_keeps_the_event_loop_to_itself_is_told_of_and_heard(
    part: float, *, told: bool
) -> None:
    passed = 0.0

    async def busy() -> Any:
        nonlocal passed
        for _ in range(3):
            passed += part * BLOCKED_SECONDS  # as if it had computed for so long
            await asyncio.sleep(0)
        return [RouteScore("one", 1.0)]

    asked = listeners(Asked(busy))
    asked._timer = lambda: passed
    found = run(asked.score(REQUEST, CANDIDATES))
    assert found.candidates[0].said == (Said("plugin-0", 1.0),)
    assert found.troubles == ((Trouble("plugin-0", "blocked"),) if told else ())


def lazily(error: BaseException) -> Iterator[RouteScore]:
    """Scores that are only made when they are read, and fail then."""
    yield RouteScore("one", 9.0)
    raise error


@pytest.mark.parametrize(
    "error",
    [ValueError(CANARY), SystemExit(CANARY), BaseException(CANARY), asyncio.CancelledError(), MemoryError()],
    ids=lambda error: type(error).__name__,
)
def test_f102_scores_that_fail_while_they_are_read_are_contained(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    assert score(lazily(error)) == CANDIDATES
    assert f"plugin-0 failed in purchase_score_routes: {type(error).__name__}" in caplog.text
    assert CANARY not in caplog.text


def test_f102_scores_that_never_end_are_read_up_to_their_limit() -> None:
    assert score(repeat(RouteScore("one", 1.0), SCORES_MAX))[0].said == (Said("plugin-0", 1.0),)
    assert score(repeat(RouteScore("one", 1.0), SCORES_MAX + 1)) == CANDIDATES
    assert score(repeat(RouteScore("one", 1.0))) == CANDIDATES


def test_a_person_who_interrupts_while_scores_are_read_is_heard() -> None:
    with pytest.raises(KeyboardInterrupt):
        score(lazily(KeyboardInterrupt()))
