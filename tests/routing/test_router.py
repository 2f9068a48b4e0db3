"""The policy router: its laws, for whatever policies, requests and candidates there are."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from purchase_core.config.policies import read_policy
from purchase_core.ports.router import (
    AGREEMENTS,
    EVIDENCE,
    PRICES,
    Agreement,
    Candidate,
    Evidence,
    Health,
    RouteRequest,
    Said,
    decode_decision,
)
from purchase_core.routing.policy import Policy, decode_policy
from purchase_core.routing.router import PolicyRouter
from tests.routing.samples import ALL, CAPABLE, REQUEST, decide

NAMES = ("stripe", "paddle", "third", "fourth")
names = st.sampled_from(NAMES)
few = st.lists(names, max_size=3, unique=True)
finite = st.sampled_from([-1.5, 0.0, 0.25, 2.0, 1e300])
healths = st.builds(
    Health,
    st.sampled_from(["closed", "closed", "half_open", "open"]),
    st.just(30),
    st.integers(0, 30),
    st.integers(0, 900),
)
evidences = st.integers(0, 99).flatmap(
    lambda opened: st.builds(Evidence, st.just(opened), st.integers(0, opened))
)
candidates = st.lists(
    st.builds(
        Candidate,
        connection=names,
        plugin=st.sampled_from(["acme", "beta"]),
        mode=st.just("test"),
        capabilities=st.just(CAPABLE) | st.just(CAPABLE[:2]),
        currencies=st.none() | st.sampled_from([(), ("EUR",), ("USD",)]),
        priced=st.booleans(),
        health=healths,
        evidence=evidences,
        said=st.lists(
            st.builds(Said, st.sampled_from(["p", "q"]), finite, st.sampled_from(["", "", "no"])), max_size=2
        ).map(tuple),
    ),
    max_size=4,
    unique_by=lambda one: one.connection,
).map(tuple)
requests = st.builds(
    lambda **changes: replace(REQUEST, **changes),
    needs=st.lists(st.sampled_from(CAPABLE), max_size=2, unique=True).map(tuple),
    currency=st.sampled_from(["EUR", "USD", "JPY"]),
    unit_amount=st.sampled_from([0, 1, 900, 2**53]),
    country=st.sampled_from(["", "DE", "US"]),
    links=few.map(tuple),
    key=st.text(max_size=5),
    customer=st.sampled_from(["user_1", "user_2"]),
    agreements=st.lists(st.builds(Agreement, names, st.sampled_from(["EUR", "USD"])), max_size=1).map(tuple),
)
policies = st.fixed_dictionaries({}, optional={
    "share": st.sampled_from([{"stripe": 60, "paddle": 40}, {"third": 100, "fourth": 0}]),
    "share_by": st.sampled_from(["customer", "request", "country"]),
    "rules": st.lists(st.fixed_dictionaries({}, optional={"only": few, "prefer": few}), max_size=1).map(
        lambda rules: [{"when": {"country": "DE"}, **rule} for rule in rules
                       if not rule.get("only") or set(rule.get("prefer", ())) <= set(rule["only"])]),
    "score": st.fixed_dictionaries({}, optional={
        "success": st.sampled_from([0.0, 1.0]), "cost": st.just(1.0), "latency": st.just(0.1),
        "explore_percent": st.sampled_from([0, 30, 100])}),
    "stickiness": st.sampled_from([{"agreement": "prefer"}, {"agreement": "ignore", "link": "ignore"}, {}]),
    "health": st.sampled_from([{}, {"when_all_unhealthy": "try", "probe_percent": 50}]),
    "guardrail": st.just({"success_percent_min": 50}),
    "connections": st.just({"stripe": {"countries": ["DE"], "costs": [{"basis_points": 290, "fixed": 30}]}}),
})  # fmt: skip


@given(policies, requests, candidates)
def test_a_decision_is_total_explains_itself_and_adds_nobody(
    policy: dict[str, Any], asked: RouteRequest, among: tuple[Candidate, ...]
) -> None:
    decision = decide(policy, asked, among)
    there = [one.connection for one in among]
    assert [one.connection for one in decision.verdicts] == there
    left_out = {one.connection for one in decision.verdicts if one.excluded}
    assert sorted(decision.order) == sorted(set(there) - left_out)
    assert all(one.step for one in decision.verdicts if one.excluded)
    assert {one.connection for one in among if any(said.excluded for said in one.said)} <= left_out
    assert bool(decision.refused) == (not decision.order)
    propensities = [one.propensity for one in decision.verdicts]
    assert sum(propensities) == pytest.approx(1.0 if decision.order else 0.0)
    assert all(not one.propensity for one in decision.verdicts if one.excluded)
    if decision.order:
        first = next(one for one in decision.verdicts if one.connection == decision.order[0])
        assert first.propensity > 0


@given(policies, requests, candidates)
def test_a_decision_is_the_same_bytes_from_what_was_recorded(
    policy: dict[str, Any], asked: RouteRequest, among: tuple[Candidate, ...]
) -> None:
    router = PolicyRouter(read_policy(policy))
    data = router.decide(asked, among).encode()
    recorded = decode_decision(data)
    assert recorded.encode() == data
    kept = PolicyRouter(decode_policy(router.document))
    assert kept.policy == recorded.policy
    assert kept.decide(recorded.request, recorded.candidates).encode() == data


def test_another_process_comes_to_the_same_bytes() -> None:
    """Whatever its hash seed is."""
    policy: dict[str, Any] = {
        "share": {"stripe": 40, "paddle": 40, "third": 20},
        "score": {"explore_percent": 50},
    }
    here = decide(policy).encode()
    code = (
        "import sys; from tests.routing.samples import decide; "
        f"sys.stdout.buffer.write(decide({policy!r}).encode())"
    )
    for seed in ("1", "2"):
        done = subprocess.run(  # noqa: S603  # our own
            [sys.executable, "-c", code], capture_output=True, check=True, env={"PYTHONHASHSEED": seed}
        )
        assert done.stdout == here


def test_a_pinned_decision_does_not_change_between_versions() -> None:
    decision = decide({"name": "pinned", "share": {"stripe": 50, "paddle": 50}, "score": {"cost": 1.0}})
    assert decision.policy == "29e47916c9ce4aae50aae02e31881b7d"
    assert decision.order == ("stripe", "paddle", "third")
    assert decision.seed == "pinned:checkout.start:1"


def test_the_empty_policy_takes_the_first_that_can() -> None:
    decision = PolicyRouter().decide(REQUEST, ALL)
    assert decision.order == ("stripe", "paddle", "third")
    assert (decision.router, decision.policy, decision.rule) == ("policy", Policy().hash, "")
    assert [one.propensity for one in decision.verdicts] == [1.0, 0.0, 0.0]


def test_nobody_to_choose_from_is_said() -> None:
    decision = PolicyRouter().decide(REQUEST, ())
    assert (decision.order, decision.verdicts, decision.refused) == ((), (), "no_candidate")


@pytest.mark.parametrize(
    ("policy", "wants"),
    [
        ({}, {AGREEMENTS}),
        ({"stickiness": {"agreement": "ignore"}, "sameness": {"allow": ["currency"]}}, set()),
        ({"require_price": True, "score": {"success": 1.0}}, {AGREEMENTS, PRICES, EVIDENCE}),
        ({"guardrail": {"success_percent_min": 50}}, {AGREEMENTS, EVIDENCE}),
    ],
)
def test_only_what_is_looked_at_is_read(policy: dict[str, Any], wants: set[str]) -> None:
    assert PolicyRouter(read_policy(policy)).wants == wants


def test_no_stored_decision_is_read_leniently() -> None:
    data = decide({}).encode()
    with pytest.raises(msgspec.ValidationError):
        decode_decision(data.replace(b'"order":["stripe"', b'"order":[7'))
