"""The arms of a share and the shadow: counts, intervals, and what does not count."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from purchase_core.ports.router import Evidence, RoutingDecision
from purchase_core.routing.experiment import Observed, difference, experiment
from purchase_core.routing.report import experiment_page
from tests.routing.samples import PADDLE, STRIPE, decide, request

SHARE: dict[str, object] = {"share": {"stripe": 50, "paddle": 50}, "share_by": "request"}
GUARDED = SHARE | {"guardrail": {"success_percent_min": 50}}


def dealt(number: int, policy: dict[str, object] = SHARE, **paddle: Any) -> RoutingDecision:
    among = (STRIPE, replace(PADDLE, **paddle))
    return decide(policy, request(key=f"cart-{number}"), among)


def test_arms_are_who_was_dealt_to_them_and_the_young_do_not_count_yet() -> None:
    seen = [Observed(dealt(number), (True, False, None)[number % 3]) for number in range(300)]
    found = experiment(seen)
    assert (found.checkouts, found.excluded, found.censored) == (300, 0, 100)
    assert sum(one.dealt for one in found.arms) == 300
    assert sum(one.finished for one in found.arms) == 200
    assert sum(one.paid for one in found.arms) == 100
    for arm in found.arms:
        assert arm.dealt > 100
        assert arm.rate.low is not None
        assert arm.rate.high is not None
        assert arm.rate.low < 0.5 < arm.rate.high
    first, second = found.arms
    assert first.change.mean is None
    assert second.change.mean == pytest.approx(
        (second.paid / second.finished) - (first.paid / first.finished)
    )


def test_refunds_and_disputes_are_told_apart() -> None:
    seen = [Observed(dealt(n), paid=True, refunded=n % 2 == 0, disputed=n % 10 == 0) for n in range(100)]
    found = experiment(seen)
    assert sum(one.refunded for one in found.arms) == 50
    assert sum(one.disputed for one in found.arms) == 10


def test_what_chance_had_no_say_in_does_not_count() -> None:
    sticky = decide(SHARE, request(links=("stripe",)), (STRIPE, PADDLE))
    found = experiment([Observed(sticky, paid=True), Observed(dealt(1), paid=True)])
    assert (found.checkouts, found.excluded) == (2, 1)
    assert sum(one.dealt for one in found.arms) == 1


def test_an_arm_that_the_guardrail_stops_is_shown_as_such_and_as_let_in_again() -> None:
    poor, well = Evidence(100, 10), Evidence(100, 90)
    before = [Observed(dealt(n, GUARDED), paid=True) for n in range(20)]
    stopped = [Observed(dealt(n, GUARDED, evidence=poor), paid=True) for n in range(20, 30)]
    found = experiment([*before, *stopped])
    arms = {one.connection: one for one in found.arms}
    assert (arms["paddle"].stopped, arms["paddle"].stopped_now) == (10, True)
    assert arms["stripe"].stopped == 0
    assert found.excluded == 10  # the other arm got them all
    again = [*before, *stopped, Observed(dealt(31, GUARDED, evidence=well), paid=True)]
    assert not {one.connection: one for one in experiment(again).arms}["paddle"].stopped_now


def test_the_shadow_is_counted_by_where_it_would_have_gone() -> None:
    there = dealt(1)
    live = there.order[0]
    words = (f"agrees: {live} by p2", "differs: third by p2", "differs: third by p2", "failed: ValueError")
    seen = [Observed(there, paid=True, shadow=said) for said in words]
    shadow = experiment(seen).shadow
    assert shadow is not None
    assert (shadow.agreed, shadow.differed, shadow.failed) == (1, 2, 1)
    assert [(one.live, one.shadow, one.count) for one in shadow.pairs] == [(live, "third", 2)]
    assert experiment([Observed(there, paid=True)]).shadow is None


def test_the_interval_of_a_difference_is_newcombes() -> None:
    # R. G. Newcombe, Statistics in Medicine 17 (1998), table II, example (a), method 10.
    found = difference(56, 70, 48, 80)
    assert found.mean == pytest.approx(0.2)
    assert found.low == pytest.approx(0.0524, abs=5e-5)
    assert found.high == pytest.approx(0.3339, abs=5e-5)
    assert difference(0, 0, 1, 2).mean is None


def test_a_page_is_made_of_it() -> None:
    seen = [Observed(dealt(n, GUARDED), paid=n % 2 == 0, shadow="differs: third by p2") for n in range(50)]
    page = experiment_page(experiment(seen), since="2026-11-01T00:00:00Z")
    for words in (
        "Paid within the horizon, by arm",
        "not needed",
        "What the shadow would have chosen",
        "third",
    ):
        assert words in page
