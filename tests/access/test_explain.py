"""Why a customer has a feature, or has not; and never otherwise than the rights themselves say."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from purchase_core.access.evaluate import evaluate
from purchase_core.access.explain import Explanation, explain
from purchase_core.access.live import EMPTY, exchange
from purchase_core.access.policy import AccessPolicy, AccessRules
from purchase_core.facts.fact import Fact
from purchase_core.facts.fold import fold, rows_of
from purchase_core.facts.rows import Row
from purchase_core.instants import Instant
from purchase_core.testing.bench import mapped
from purchase_core.testing.histories import History, histories
from purchase_core.testing.sales import CATALOG, VERSIONS, Sale, later

PRO, TEAM, BOOK, TOKENS = (Sale(offer=one) for one in ("app:pro", "app:team", "book:full", "tokens:small"))
FEATURES = ("export", "audit", "api", "book", "ai", "seats", "nothing")
NOW = later(days=5)
PLAIN = AccessPolicy()


def why(facts: Sequence[Fact], feature: str, at: Instant = NOW, policy: AccessPolicy = PLAIN) -> Explanation:
    return told(rows_of(fold("customer:alice", mapped(facts)), VERSIONS), feature, at, policy)


def told(rows: Sequence[Row], feature: str, at: Instant, policy: AccessPolicy) -> Explanation:
    catalog = tuple(CATALOG.offers.values())
    return explain(feature, rows, policy, VERSIONS, catalog, CATALOG.defaults, at)


def bought(sale: Sale) -> list[Fact]:
    return [sale.placed(), sale.tried(), sale.session(), sale.invoice()]


POLICIES = st.builds(
    AccessPolicy,
    past_due_grace_seconds=st.sampled_from([0, 86_400 * 40]),
    paused_grants=st.booleans(),
    uncollected_grants=st.booleans(),
    revoke_on_partial_refund=st.booleans(),
    products=st.sampled_from(
        [
            {},
            {"app": AccessRules(paused_grants=True, past_due_grace_seconds=0)},
            {"book": AccessRules(revoke_on_partial_refund=True)},
        ]
    ),
)


@given(histories(), POLICIES, st.sampled_from(FEATURES), st.integers(0, 60))
@settings(max_examples=150, deadline=None)
def test_an_explanation_agrees_with_the_rights(
    history: History, policy: AccessPolicy, feature: str, days: int
) -> None:
    at = later(days=days)
    rows = rows_of(fold("customer:alice", mapped(history.facts)), VERSIONS)
    rights = evaluate(exchange(EMPTY, (), rows, now=at), policy, VERSIONS, CATALOG.defaults, at)
    found = told(rows, feature, at, policy)
    if feature == "ai":
        assert found.granted or not rights.has(feature), "credits of several lots are set off against debt"
    else:
        assert found.granted == rights.has(feature)
    assert found.granted == any(one.grants for one in found.reasons)
    assert [one.grants for one in found.reasons] == sorted(
        (one.grants for one in found.reasons), reverse=True
    )


def test_what_grants_is_named_with_its_proof_and_its_end() -> None:
    found = why([*bought(PRO), PRO.subscription()], "export")
    (reason,) = found.reasons
    assert (reason.grants, reason.offer, reason.about) == (True, "app:pro", "subscription:stripe-eu:sub_1_1")
    assert reason.why == "the subscription is active"
    assert reason.until is not None
    assert found.sold_in == ("app:pro",)


def test_somebody_who_bought_nothing_has_the_default_plan_and_is_told_what_has_the_rest() -> None:
    (api,) = why([], "api").reasons
    assert (api.grants, api.why) == (True, "default plan: everybody has it")
    export = why([], "export")
    assert (export.granted, export.reasons, export.sold_in) == (False, (), ("app:pro",))
    assert why([], "unheard of").sold_in == ()


def test_a_default_plan_gives_way_to_what_was_bought() -> None:
    found = why([*bought(PRO), PRO.subscription()], "api")
    assert [(one.grants, one.offer) for one in found.reasons] == [(True, "app:pro"), (False, "app:free")]


def test_i_paid_and_have_nothing() -> None:
    """The stories of a support desk."""
    unpaid = why([PRO.placed(), PRO.tried()], "export")
    assert [one.why for one in unpaid.reasons] == ["a checkout is not paid"]
    ended = why([*bought(PRO), PRO.subscription("canceled")], "export")
    assert [one.why for one in ended.reasons] == ["the subscription is canceled"]
    refunded = why([*bought(BOOK), BOOK.refund(2_000)], "book")
    assert [one.why for one in refunded.reasons] == ["bought; 2000 of 2000 went back"]
    assert not refunded.granted


def test_unpaid_since_the_bill_and_not_since_the_period() -> None:
    """Grace counts from when the money was first asked for in vain."""
    policy = AccessPolicy(past_due_grace_seconds=3 * 86_400)
    past_due = [*bought(PRO), PRO.subscription("past_due", at=later(days=30), period=1)]
    renewal = PRO.renewal(1, "open", at=later(days=30))
    billed = [*past_due, renewal]
    assert why(past_due, "export", later(days=32), policy).granted
    assert not why(past_due, "export", later(days=33, seconds=1), policy).granted
    late = [*past_due, due(renewal, later(days=31))]
    assert why(late, "export", later(days=33, seconds=1), policy).granted
    assert not why(late, "export", later(days=34, seconds=1), policy).granted
    assert not why(billed, "export", later(days=33, seconds=1), policy).granted


def test_each_product_may_have_rules_of_its_own() -> None:
    facts = [*bought(BOOK), BOOK.refund(500)]
    strict = AccessPolicy(products={"book": AccessRules(revoke_on_partial_refund=True)})
    other = AccessPolicy(products={"app": AccessRules(revoke_on_partial_refund=True)})
    assert why(facts, "book", policy=AccessPolicy()).granted
    assert not why(facts, "book", policy=strict).granted
    assert why(facts, "book", policy=other).granted
    assert len({AccessPolicy().hash, strict.hash, other.hash}) == 3


def test_not_being_charged_is_a_matter_of_policy() -> None:
    facts = [*bought(PRO), uncollected(PRO.subscription())]
    assert why(facts, "export").granted
    strict = why(facts, "export", policy=AccessPolicy(uncollected_grants=False))
    assert not strict.granted
    assert strict.reasons[0].why == "the subscription is active, and not charged for a while"


def due(fact: Fact, at: Instant) -> Fact:
    return replace(fact, body=replace(fact.body, due_at=at))


def uncollected(fact: Fact) -> Fact:
    return replace(fact, body=replace(fact.body, collecting=False))
