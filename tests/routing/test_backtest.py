"""Estimates and the backtest: they find what is true where it is known, and say where it is not."""

from __future__ import annotations

from math import sqrt

import msgspec
import pytest
from msgspec.structs import replace

from purchase_core.config.policies import read_policy
from purchase_core.ports.router import RoutingDecision
from purchase_core.routing.backtest import PART_TRIALS, Trial, backtest
from purchase_core.routing.chance import LOTS, draw
from purchase_core.routing.cores import backtest_on_cores
from purchase_core.routing.estimate import UNKNOWN, Sums
from purchase_core.routing.intervals import Z_95
from purchase_core.routing.report import backtest_page
from purchase_core.routing.router import PolicyRouter
from tests.routing.samples import PADDLE, STRIPE, decide, request

TRUE_RATES = {"stripe": 0.9, "paddle": 0.6}


def recorded(share: int, count: int, world: int) -> list[Trial]:
    """Checkouts under a share for stripe, in one of many made-up worlds with known rates."""
    router = PolicyRouter(
        read_policy({"share": {"stripe": share, "paddle": 100 - share}, "share_by": "request"})
    )
    trials = []
    for number in range(count):
        decision = router.decide(request(key=f"{world}:{number}"), (STRIPE, PADDLE))
        rate = TRUE_RATES[decision.order[0]]
        paid = draw(f"world{world}", "pays", str(number)) < rate * LOTS
        trials.append(Trial(f"receipt_{number}", decision, paid))
    return trials


def new_policy(share: int) -> PolicyRouter:
    policy = {
        "share": {"stripe": share, "paddle": 100 - share},
        "share_by": "request",
        "connections": {
            "paddle": {"costs": [{"basis_points": 500}]},
            "stripe": {"costs": [{"basis_points": 200}]},
        },
    }
    return PolicyRouter(read_policy(policy))


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    covered_mean = covered_change = 0
    truth, change = 0.8 * 0.9 + 0.2 * 0.6, 0.3 * 0.3
    for world in range(100):
        found = backtest(new_policy(80), recorded(50, 300, world))
        assert found.success.low is not None
        assert found.success.high is not None
        assert found.success_change.low is not None
        assert found.success_change.high is not None
        covered_mean += found.success.low <= truth <= found.success.high
        covered_change += found.success_change.low <= change <= found.success_change.high
    assert covered_mean >= 88
    assert covered_change >= 88


def test_costs_are_estimated_as_parts_of_the_price() -> None:
    found = backtest(new_policy(100), recorded(50, 400, 1))
    assert found.cost.mean == pytest.approx(0.02)
    assert found.cost_was.mean == pytest.approx(0.035, abs=0.002)
    assert found.cost_change.high is not None
    assert found.cost_change.high < 0


def test_the_same_policy_changes_nothing() -> None:
    trials = recorded(50, 200, 3)
    found = backtest(new_policy(50), trials)
    assert (found.checkouts, found.same, found.differ, found.unknown) == (200, 200, 0, 0)
    assert found.success.mean == found.success_was.mean == sum(bool(one.paid) for one in trials) / 200
    assert found.success_change.mean == pytest.approx(0.0)
    assert found.success_change.high == pytest.approx(0.0, abs=1e-7)
    assert found.differences == ()


def test_what_the_old_policy_never_tried_is_unknown() -> None:
    found = backtest(new_policy(0), recorded(100, 50, 1))
    assert (found.unknown, found.success, found.success_change) == (50, UNKNOWN, UNKNOWN)
    half = backtest(new_policy(40), recorded(100, 50, 1))
    assert half.unknown == 50, "more likely than not it would go where nothing is known"


def test_the_young_have_no_outcome_and_the_refused_no_way() -> None:
    young = [replace(one, paid=None) for one in recorded(50, 10, 1)]
    found = backtest(new_policy(50), young)
    assert (found.censored, found.success, found.same) == (10, UNKNOWN, 10)
    closed = PolicyRouter(read_policy({"connections": {name: {"enabled": False} for name in TRUE_RATES}}))
    assert backtest(closed, young).nowhere == 10
    nothing = backtest(new_policy(50), [])
    assert (nothing.checkouts, nothing.success, nothing.parts) == (0, UNKNOWN, ())


def test_the_money_that_went_back_is_estimated_apart() -> None:
    trials = [replace(one, refunded=one.decision.order[0] == "paddle") for one in recorded(50, 200, 1)]
    found = backtest(new_policy(100), trials)
    assert found.refunds.mean == 0.0
    assert found.success.mean == pytest.approx(0.9, abs=0.08)


def test_one_value_has_no_interval_and_none_has_no_mean() -> None:
    sums = Sums()
    assert sums.old() == sums.new() == sums.change() == UNKNOWN
    sums.add(0.0, 1.0)
    assert (sums.old().mean, sums.old().low, sums.new()) == (1.0, None, UNKNOWN)
    sums.add(2.0, 0.5)
    assert (sums.new().mean, sums.new().low, sums.change()) == (0.5, None, UNKNOWN)


def test_the_sums_come_to_what_the_formulas_say() -> None:
    seen = [(2.0, 1.0), (0.5, 0.0), (0.0, 1.0), (1.5, 0.25), (3.0, 1.0)]
    sums = Sums()
    for weight, value in seen:
        sums.add(weight, value)
    total, count = sum(w for w, _ in seen), len(seen)
    new, old = sum(w * v for w, v in seen) / total, sum(v for _, v in seen) / count
    spread = sqrt(sum((w * (v - new)) ** 2 for w, v in seen)) / total
    paired = sqrt(sum((w * (v - new) / total - (v - old) / count) ** 2 for w, v in seen))
    assert sums.new().mean == pytest.approx(new)
    assert sums.new().high == pytest.approx(new + Z_95 * spread)
    assert sums.new().effective == pytest.approx(total**2 / sum(w * w for w, _ in seen))
    assert sums.old().low == pytest.approx(old - Z_95 * sqrt(sum((v - old) ** 2 for _, v in seen)) / count)
    assert sums.change().mean == pytest.approx(new - old)
    assert sums.change().high == pytest.approx(new - old + Z_95 * paired)


def test_a_page_is_made_of_it_that_needs_nothing_else_and_escapes_what_it_shows() -> None:
    trials = [replace(one, decision=with_country(one.decision, "<script>")) for one in recorded(50, 60, 1)]
    page = backtest_page(backtest(new_policy(100), trials), since="2026-11-01")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert page.count("<svg") == 3
    assert "http" not in page.replace("http-equiv", "")
    assert 'role="img"' in page
    assert "self-normalised inverse propensity" in page


def with_country(decision: RoutingDecision, country: str) -> RoutingDecision:
    return replace(decision, request=replace(decision.request, country=country))


def test_what_is_not_known_is_called_that_on_the_page() -> None:
    page = backtest_page(backtest(new_policy(0), recorded(100, 20, 1)), since="2026-11-01")
    assert "Change in success: not known." in page
    assert decide({}).order[0] == "stripe"


@pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)  # the test runner's
def test_several_cores_come_to_the_same_bits_as_one() -> None:
    trials = []
    for number in range(2 * PART_TRIALS + 100):
        asked = request(key=f"cart-{number}", country=("DE", "FR")[number % 2])
        decision = decide({"share": {"stripe": 60, "paddle": 40}, "share_by": "request"}, asked)
        trials.append(Trial(f"receipt_{number}", decision, (True, False, None)[number % 3], number % 7 == 0))
    policy = {"share": {"stripe": 30, "paddle": 70}, "share_by": "request",
              "connections": {"stripe": {"costs": [{"basis_points": 290, "fixed": 30}]}}}  # fmt: skip
    router = PolicyRouter(read_policy(policy))
    alone = backtest(router, trials)
    assert msgspec.json.encode(backtest_on_cores(router, trials, 3)) == msgspec.json.encode(alone)
    assert (alone.checkouts, len(alone.differences)) == (len(trials), 20)
