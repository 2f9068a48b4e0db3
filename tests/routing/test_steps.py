"""Each step: what it leaves out and why, and what it puts first."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from purchase_core.ports.router import (
    Agreement,
    Candidate,
    Evidence,
    Health,
    RouteRequest,
    Said,
    decode_decision,
)
from purchase_core.routing.intervals import wilson
from tests.routing.samples import (
    ALL,
    NOW,
    PADDLE,
    REQUEST,
    STRIPE,
    THIRD,
    TOMORROW,
    YESTERDAY,
    decide,
    request,
    why,
)

# --- eligibility -----------------------------------------------------------------------------------

FIT: dict[str, tuple[dict[str, Any], RouteRequest, Candidate, str]] = {
    "able": ({}, REQUEST, PADDLE, ""),
    "a need": ({}, request(needs=("trial", "portal")), PADDLE, "paddle has no portal"),
    "a currency": ({}, request(currency="JPY"), PADDLE, "paddle does not sell in JPY"),
    "a plugin's word": ({}, REQUEST, replace(PADDLE, said=(Said("audit", excluded="audited"),)), "audited"),
    "switched off": (
        {"connections": {"paddle": {"enabled": False}}},
        REQUEST,
        PADDLE,
        "switched off by the policy",
    ),
    "a configured currency": (
        {"connections": {"paddle": {"currencies": ["USD"]}}},
        REQUEST,
        PADDLE,
        "paddle does not sell in EUR",
    ),
    "a country": (
        {"connections": {"paddle": {"countries": ["DE"]}}},
        request(country="US"),
        PADDLE,
        "does not sell in US",
    ),
    "the country": ({"connections": {"paddle": {"countries": ["DE"]}}}, request(country="DE"), PADDLE, ""),
    "an unknown country": (
        {"connections": {"paddle": {"countries": ["DE"]}}},
        REQUEST,
        PADDLE,
        "sells in some countries only, and the customer's is not known",
    ),
    "an unknown country that is allowed": (
        {"connections": {"paddle": {"countries": ["DE"]}}, "unknown_country": "allow"},
        REQUEST,
        PADDLE,
        "",
    ),
    "no price": ({"require_price": True}, REQUEST, PADDLE, "has no price of the offer yet"),
    "a price": ({"require_price": True}, REQUEST, replace(PADDLE, priced=True), ""),
}


@pytest.mark.parametrize("name", FIT)
def test_who_cannot_take_a_checkout_is_told_why(name: str) -> None:
    policy, asked, candidate, reason = FIT[name]
    decision = decide(policy, asked, (candidate,))
    (verdict,) = decision.verdicts
    assert (verdict.excluded, verdict.step) == (reason, "eligibility" if reason else "")
    assert decision.order == (() if reason else ("paddle",))
    assert decision.refused == ("none_fits" if reason else "")


# --- stickiness ------------------------------------------------------------------------------------

AGREED = request(agreements=(Agreement("paddle", "EUR"),), links=("paddle", "third"))


def test_a_live_agreement_keeps_its_connection() -> None:
    decision = decide({}, AGREED)
    assert decision.order == ("paddle",)
    assert why(decision) == dict.fromkeys(("stripe", "third"), "a live agreement is on paddle")


def test_a_live_agreement_whose_connection_cannot_is_no_reason_to_go_elsewhere() -> None:
    decision = decide({}, replace(AGREED, currency="JPY"))
    assert (decision.order, decision.refused) == ((), "none_fits")


def test_where_an_agreement_is_only_preferred_it_comes_first() -> None:
    assert decide({"stickiness": {"agreement": "prefer"}}, AGREED).order == ("paddle", "third", "stripe")


def test_a_customer_who_is_known_somewhere_comes_back_there() -> None:
    assert decide({}, request(links=("third",))).order == ("third", "stripe", "paddle")
    assert decide({"stickiness": {"link": "ignore"}}, request(links=("third",))).order[0] == "stripe"


# --- sameness --------------------------------------------------------------------------------------

SAME: dict[str, tuple[dict[str, Any], dict[str, Any], RouteRequest, str]] = {
    "currency": ({"converts": True}, {}, REQUEST, "may charge in another currency than EUR"),
    "tax_display": (
        {"tax": "inclusive"},
        {"tax": "exclusive"},
        REQUEST,
        "shows prices inclusive of tax, the shop exclusive",
    ),
    "total": ({"surcharge_basis_points": 150}, {}, REQUEST, "adds 1.5 % to the total"),
    "trial": ({"trial": "card"}, {}, request(trial_days=14), "asks for a card before the trial"),
}


@pytest.mark.parametrize("difference", SAME)
def test_what_would_change_what_the_customer_was_shown_is_left_out_unless_allowed(difference: str) -> None:
    terms, sameness, asked, reason = SAME[difference]
    policy: dict[str, Any] = {"connections": {"stripe": terms}, "sameness": sameness}
    decision = decide(policy, asked)
    assert why(decision) == {"stripe": reason}
    assert decision.verdicts[0].step == "sameness"
    allowed = decide({**policy, "sameness": {**sameness, "allow": [difference]}}, asked)
    assert allowed.order[0] == "stripe"
    assert allowed.verdicts[0].notes == (f"allowed: {reason}",)


def test_a_customer_is_held_to_one_currency_where_a_subscription_lives() -> None:
    asked = request(agreements=(Agreement("paddle", "USD"),))
    decision = decide({"stickiness": {"agreement": "prefer"}}, asked)
    assert why(decision) == {"paddle": "the customer is held to USD there"}


# --- rules -----------------------------------------------------------------------------------------

RULES: dict[str, Any] = {
    "rules": [
        {"name": "germany", "when": {"country": "DE"}, "only": ["paddle", "third"], "prefer": ["third"]},
        {"name": "large", "when": {"amount": {"least": 10_000}}, "exclude": ["stripe"]},
        {"name": "german too", "when": {"country": ["DE", "FR"]}, "prefer": ["paddle"]},
    ]
}


@pytest.mark.parametrize(
    ("asked", "rule", "order"),
    [
        (request(country="DE", unit_amount=20_000), "germany", ("third", "paddle")),
        (request(country="FR", unit_amount=5_000, quantity=2), "large", ("paddle", "third")),
        (request(country="FR"), "german too", ("paddle", "stripe", "third")),
        (REQUEST, "", ("stripe", "paddle", "third")),
    ],
)
def test_the_first_rule_that_matches_applies(asked: RouteRequest, rule: str, order: tuple[str, ...]) -> None:
    decision = decide(RULES, asked)
    assert (decision.rule, decision.order) == (rule, order)


# --- share -----------------------------------------------------------------------------------------


def test_one_customer_stays_on_one_side_and_requests_may_be_dealt_anew() -> None:
    share: dict[str, Any] = {"share": {"stripe": 50, "paddle": 50}}
    mine = {decide(share, request(key=f"k{number}")).order[0] for number in range(20)}
    assert len(mine) == 1
    anew = {decide({**share, "share_by": "request"}, request(key=f"k{number}")).order for number in range(20)}
    assert anew == {("stripe", "paddle", "third"), ("paddle", "stripe", "third")}


def test_guests_are_dealt_out_like_everybody() -> None:
    share: dict[str, Any] = {"share": {"stripe": 50, "paddle": 50}}
    firsts = [decide(share, request(customer="", key=f"k{number}")).order[0] for number in range(200)]
    assert 60 <= firsts.count("stripe") <= 140


def test_a_share_can_be_by_an_attribute_of_the_application() -> None:
    policy: dict[str, Any] = {
        "share": {"stripe": 50, "paddle": 50}, "share_by": "team", "attributes": {"team": "text"},
    }  # fmt: skip
    teams = [
        {
            decide(policy, request(customer=f"user_{n}", attributes=(("team", team),))).order[0]
            for n in range(9)
        }
        for team in "abcdefgh"
    ]
    assert all(len(sides) == 1 for sides in teams)
    assert len({side for sides in teams for side in sides}) == 2
    assert decide(policy).order == decide({"share": policy["share"]}).order  # nobody's team: by customer


def test_shares_are_recorded_as_probabilities_among_those_that_can() -> None:
    policy: dict[str, Any] = {"share": {"stripe": 20, "paddle": 30, "third": 50}}
    everybody = decide(policy)
    assert {one.connection: one.propensity for one in everybody.verdicts} == {
        "stripe": 0.2, "paddle": 0.3, "third": 0.5,
    }  # fmt: skip
    without = decide(
        policy, request(needs=("portal",)), (STRIPE, PADDLE, replace(THIRD, capabilities=("portal",)))
    )
    assert [one.propensity for one in without.verdicts] == [0.0, 0.0, 1.0]
    yen = decide(policy, request(currency="JPY"))
    assert [one.propensity for one in yen.verdicts] == pytest.approx([2 / 7, 0.0, 5 / 7])


def test_a_guardrail_deals_nothing_to_a_member_that_surely_fails() -> None:
    policy: dict[str, Any] = {
        "share": {"stripe": 50, "paddle": 50}, "share_by": "request",
        "guardrail": {"success_percent_min": 60, "evidence_min": 50},
    }  # fmt: skip
    bad, few = Evidence(200, 80), Evidence(49, 0)
    firsts = {
        decide(policy, request(key=str(n)), (STRIPE, replace(PADDLE, evidence=bad), THIRD)).order[0]
        for n in range(30)
    }
    assert firsts == {"stripe"}
    decision = decide(policy, REQUEST, (STRIPE, replace(PADDLE, evidence=bad)))
    assert decision.verdicts[1].notes == ("guardrail: 80 of 200 paid, so it is dealt nothing",)
    assert [one.propensity for one in decision.verdicts] == [1.0, 0.0]
    assert {
        decide(policy, request(key=str(n)), (STRIPE, replace(PADDLE, evidence=few))).order[0]
        for n in range(30)
    } == {"stripe", "paddle"}


# --- score -----------------------------------------------------------------------------------------


def test_the_parts_of_a_score_are_recorded_and_add_up() -> None:
    policy: dict[str, Any] = {
        "score": {"success": 2.0, "cost": 1.0, "latency": 0.5, "plugins": 0.1},
        "connections": {"stripe": {"costs": [{"basis_points": 290, "fixed": 30, "currency": "EUR"}]}},
    }
    candidate = replace(
        STRIPE, evidence=Evidence(100, 80), health=Health(latency_ms=400), said=(Said("audit", 3.0),)
    )
    (verdict,) = decide(policy, REQUEST, (candidate,)).verdicts
    assert dict(verdict.scores) == {
        "success": pytest.approx(2 * wilson(80, 100)[0]),
        "cost": pytest.approx(-(0.029 + 30 / 900)),
        "latency": pytest.approx(-0.2),
        "plugin audit": pytest.approx(0.3),
    }
    assert verdict.score == pytest.approx(sum(value for _, value in verdict.scores))


def test_a_rate_with_little_evidence_neither_wins_nor_loses() -> None:
    policy: dict[str, Any] = {"score": {"success": 1.0, "evidence_min": 30}}
    good, bad = Evidence(100, 90), Evidence(100, 50)
    among = (
        replace(STRIPE, evidence=bad),
        replace(PADDLE, evidence=Evidence(29, 29)),
        replace(THIRD, evidence=good),
    )
    decision = decide(policy, REQUEST, among)
    assert decision.order == ("third", "paddle", "stripe")
    assert decision.verdicts[1].notes == ("success: 29 outcomes are too few",)
    assert decide(policy).order == ("stripe", "paddle", "third")


def test_exploring_tries_equals_now_and_then_and_records_how_likely_it_was() -> None:
    policy: dict[str, Any] = {"score": {"cost": 1.0, "explore_percent": 30}, "connections": {
        "paddle": {"costs": [{"basis_points": 500}]}, "third": {"costs": [{"basis_points": 400}]},
    }}  # fmt: skip
    decisions = [decide(policy, request(key=str(number))) for number in range(3_000)]
    for decision in decisions:
        assert [one.propensity for one in decision.verdicts] == pytest.approx([0.8, 0.1, 0.1])
    for name, share in (("stripe", 0.8), ("paddle", 0.1), ("third", 0.1)):
        low, high = wilson(sum(one.order[0] == name for one in decisions), len(decisions), z=4)
        assert low <= share <= high
    explored = next(one for one in decisions if one.order[0] == "paddle")
    assert explored.verdicts[1].notes == ("explored",)


def test_exploring_leaves_what_was_preferred_first() -> None:
    policy: dict[str, Any] = {"score": {"explore_percent": 100}}
    for number in range(20):
        assert decide(policy, request(key=str(number), links=("third",))).order[0] == "third"


# --- health ----------------------------------------------------------------------------------------

DOWN, ON_TRIAL = Health("open", 5, 5), Health("half_open", 5, 5)


def test_who_is_down_is_left_out() -> None:
    decision = decide({}, REQUEST, (replace(STRIPE, health=DOWN), PADDLE))
    assert (decision.order, why(decision)) == (("paddle",), {"stripe": "is down"})


def test_all_are_unhealthy_is_closed_by_default_and_says_so() -> None:
    among = tuple(replace(one, health=DOWN) for one in ALL)
    closed = decide({}, REQUEST, among)
    assert (closed.order, closed.refused) == ((), "all_unhealthy")
    tried = decide({"health": {"when_all_unhealthy": "try"}}, REQUEST, among)
    assert (tried.order, tried.refused) == (("stripe", "paddle", "third"), "")
    assert {one.notes for one in tried.verdicts} == {("tried all the same: is down",)}


def test_maintenance_that_was_announced_is_kept() -> None:
    def window(starts: int, ends: int) -> dict[str, Any]:
        return {"connections": {"stripe": {"maintenance": [{"starts": starts, "ends": ends}]}}}

    assert why(decide(window(YESTERDAY, TOMORROW))) == {"stripe": "is under maintenance"}
    assert why(decide(window(NOW, TOMORROW))) == {"stripe": "is under maintenance"}
    assert why(decide(window(YESTERDAY, NOW))) == {}
    assert why(decide(window(NOW + 1, TOMORROW))) == {}


def test_one_on_trial_gets_a_few_requests_and_is_the_last_of_the_others() -> None:
    among = (replace(STRIPE, health=ON_TRIAL), PADDLE)
    orders = [decide({"health": {"probe_percent": 20}}, request(key=str(n)), among).order for n in range(500)]
    tried = orders.count(("stripe", "paddle"))
    assert orders.count(("paddle", "stripe")) == 500 - tried
    assert 60 <= tried <= 140


def test_one_that_fails_too_often_comes_after_the_others() -> None:
    poor = replace(STRIPE, health=Health("closed", 20, 11))
    decision = decide({}, REQUEST, (poor, PADDLE))
    assert decision.order == ("paddle", "stripe")
    assert decision.verdicts[0].notes == ("11 of 20 calls failed",)
    for spared in (Health("closed", 19, 19), Health("closed", 20, 10)):
        assert decide({}, REQUEST, (replace(STRIPE, health=spared), PADDLE)).order[0] == "stripe"


def test_scores_beyond_all_bounds_can_still_be_compared_and_stored() -> None:
    huge = replace(STRIPE, said=(Said("p", -1e308), Said("q", -1e308)))
    decision = decide({"score": {"plugins": 1e6}}, REQUEST, (huge, PADDLE))
    assert decision.order == ("paddle", "stripe")
    assert decision.verdicts[0].score == -2e300
    assert decode_decision(decision.encode()) == decision
