"""The simulator: the same world twice, an outage that is got around, and a picture of it."""

from __future__ import annotations

from typing import Any

from purchase_core.config.policies import read_policy
from purchase_core.routing.failover import FailoverPolicy
from purchase_core.routing.report import simulation_page
from purchase_core.routing.router import PolicyRouter
from purchase_core.routing.simulation import Outage, Simulated, World, simulate
from tests.routing.samples import PADDLE, REQUEST, STRIPE

OUTAGE = Outage("stripe", 20, 40)
WORLD = World({"stripe": 0.9, "paddle": 0.7}, minutes=60, per_minute=10, outages=(OUTAGE,))


def run(policy: dict[str, Any], world: World = WORLD, **more: Any) -> Simulated:
    return simulate(PolicyRouter(read_policy(policy)), REQUEST, (STRIPE, PADDLE), world, **more)


def test_the_same_seed_gives_the_same_world() -> None:
    assert run({}) == run({})
    other = World({"stripe": 0.9, "paddle": 0.7}, minutes=60, per_minute=10, outages=(OUTAGE,), seed=2)
    assert run({}, other).total("paid") != run({}).total("paid")


def test_in_an_outage_everybody_gets_through_elsewhere_and_few_meet_it() -> None:
    found = run({})
    assert sum(one.nowhere for one in found.slices) == 0
    opened = found.total("opened")
    assert opened["stripe"] + opened["paddle"] == 600
    during = [one for one in found.slices if 20 <= one.minute < 40]
    assert sum(one.opened.get("stripe", 0) for one in during) == 0
    assert 0 < found.total("tried")["stripe"] < 60, "the breaker opened: not each of 200 has met it"
    after = [one for one in found.slices if one.minute >= 45]
    assert sum(one.opened.get("stripe", 0) for one in after) > 0, "it came back"


def test_without_fail_over_some_find_no_way() -> None:
    found = run({}, failover=FailoverPolicy(on_unavailable="stop"))
    assert sum(one.nowhere for one in found.slices) >= 5
    assert sum(one.failed_over for one in found.slices) == 0


def test_success_is_what_the_world_says() -> None:
    found = run({"share": {"stripe": 50, "paddle": 50}}, World({"stripe": 1.0, "paddle": 0.0}, minutes=20))
    assert found.total("paid")["stripe"] == found.total("opened")["stripe"] > 0
    assert found.total("paid")["paddle"] == 0 < found.total("opened")["paddle"]


def test_a_policy_that_learns_moves_to_what_is_paid() -> None:
    world = World({"stripe": 0.4, "paddle": 0.9}, minutes=120, per_minute=10, horizon_minutes=10)
    found = run({"score": {"success": 1.0, "explore_percent": 10}}, world)
    first, last = found.slices[1], found.slices[-1]
    assert first.opened["stripe"] > first.opened.get("paddle", 0)
    assert last.opened["paddle"] > 5 * last.opened.get("stripe", 0)


def test_a_picture_is_made_of_it() -> None:
    page = simulation_page(run({}))
    assert page.count("<svg") == 2
    assert "stripe down" in page
    assert "minute 60" in page
