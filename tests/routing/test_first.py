"""The first router: its laws, for whatever candidates there are."""

from __future__ import annotations

from itertools import pairwise

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from purchase_core.instants import Instant
from purchase_core.ports.router import Candidate, RouteRequest, RoutingDecision, decode_decision
from purchase_core.routing.first import FirstCapable, unfit

NEEDS = ("subscription_checkout", "trial", "quantity")
CURRENCIES = ("EUR", "JPY", "USD")
REQUEST = RouteRequest(
    customer="user_1", offer="app:pro", product="subscription", currency="EUR", unit_amount=900, quantity=1,
    needs=("subscription_checkout",), links=(), at=Instant(1), key="checkout.start:1",
)  # fmt: skip

names = st.integers(0, 7).map(lambda number: f"connection-{number}")
subsets = st.lists(st.sampled_from(CURRENCIES), unique=True).map(tuple)
capable = st.lists(st.sampled_from(NEEDS), unique=True).map(tuple)
candidates = st.lists(
    st.builds(
        Candidate,
        connection=names,
        plugin=st.sampled_from(["acme", "beta"]),
        mode=st.just("test"),
        capabilities=capable | st.just(NEEDS),
        currencies=st.none() | subsets,
        score=st.sampled_from([-1.5, 0.0, 0.0, 2.0]),
        excluded=st.sampled_from(["", "", "", "maintenance"]),
    ),
    max_size=6,
    unique_by=lambda one: one.connection,
).map(tuple)
requests = st.builds(
    lambda needs, currency, links: attrs.evolve(REQUEST, needs=needs, currency=currency, links=links),
    capable, st.sampled_from(CURRENCIES), st.lists(names, max_size=3).map(tuple),
)  # fmt: skip


def decide(request: RouteRequest, among: tuple[Candidate, ...]) -> RoutingDecision:
    return FirstCapable().decide(request, among)


@given(requests, candidates)
def test_the_order_holds_every_candidate_that_can_once_and_nobody_else(
    request: RouteRequest, among: tuple[Candidate, ...]
) -> None:
    decision = decide(request, among)
    able = {one.connection for one in among if not unfit(request, one)}
    assert set(decision.order) == able
    assert len(decision.order) == len(able)
    assert [one.connection for one in decision.verdicts] == [one.connection for one in among]
    assert {one.connection for one in decision.verdicts if one.excluded} == {
        one.connection for one in among
    } - able


@given(requests, candidates)
def test_better_scores_come_first_then_acquaintance_then_the_order_of_configuration(
    request: RouteRequest, among: tuple[Candidate, ...]
) -> None:
    place = {one.connection: number for number, one in enumerate(among)}
    score = {one.connection: one.score for one in among}
    order = decide(request, among).order
    for one, other in pairwise(order):
        known, unknown = one in request.links, other in request.links
        assert (score[one], known) > (score[other], unknown) or (
            (score[one], known) == (score[other], unknown) and place[one] < place[other]
        )


@given(requests, candidates)
def test_the_same_question_gets_the_same_bytes_and_they_can_be_read_back(
    request: RouteRequest, among: tuple[Candidate, ...]
) -> None:
    decision = decide(request, among)
    assert decide(request, among).encode() == decision.encode()
    assert decode_decision(decision.encode()) == decision
    assert decide(decision.request, decision.candidates) == decision


@given(requests, candidates, st.text(max_size=9))
def test_chance_and_time_play_no_part(request: RouteRequest, among: tuple[Candidate, ...], key: str) -> None:
    again = decide(attrs.evolve(request, key=key, at=Instant(7)), among)
    assert again.order == decide(request, among).order


CANDIDATE = Candidate("one", "acme", "test", ("subscription_checkout",), ("EUR",))


@pytest.mark.parametrize(
    ("request_", "candidate", "why"),
    [
        (REQUEST, CANDIDATE, ""),
        (REQUEST, attrs.evolve(CANDIDATE, currencies=None), ""),
        (REQUEST, attrs.evolve(CANDIDATE, excluded="maintenance"), "maintenance"),
        (attrs.evolve(REQUEST, currency="JPY"), CANDIDATE, "acme does not sell in JPY"),
        (REQUEST, attrs.evolve(CANDIDATE, currencies=()), "acme does not sell in EUR"),
        (attrs.evolve(REQUEST, needs=("trial", "quantity")), CANDIDATE, "acme has no trial, quantity"),
        (attrs.evolve(REQUEST, needs=("trial",), currency="JPY"), CANDIDATE, "acme has no trial"),
    ],
)
def test_a_candidate_is_left_out_for_a_reason(request_: RouteRequest, candidate: Candidate, why: str) -> None:
    decision = decide(request_, (candidate,))
    assert unfit(request_, candidate) == decision.verdicts[0].excluded == why
    assert decision.order == (() if why else ("one",))


def test_the_policy_is_named() -> None:
    one, other = decide(REQUEST, ()), decide(attrs.evolve(REQUEST, key="other"), (CANDIDATE,))
    assert one.policy == other.policy
    assert (one.router, len(one.policy)) == ("first", 32)
