"""What a customer may do in each state, under each policy, at any instant; and until when it holds."""

from __future__ import annotations

from typing import Any, Literal

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from purchase_core.access.evaluate import evaluate, granted_until
from purchase_core.access.live import (
    Counter,
    Live,
    LiveSubscription,
    Owned,
    PartlyRefunded,
    Returned,
    counter_key,
)
from purchase_core.access.policy import AccessPolicy
from purchase_core.access.purse import Hold, LiveLot, Purse
from purchase_core.access.rights import CALENDAR, Quota, Rights
from purchase_core.catalog.grants import QuotaGrant
from purchase_core.instants import DAY, SECOND, Instant
from purchase_core.testing.sales import CATALOG, T0, VERSIONS, later

PRO, TEAM, BOOK = (CATALOG.offers[offer].hash for offer in ("app:pro", "app:team", "book:full"))
POLICY = AccessPolicy(renewal_slack_seconds=3_600, past_due_grace_seconds=86_400)
SLACK = Instant(3_600 * SECOND)
END = later(days=30)

ACTIVE = LiveSubscription("active", True, ((PRO, 1),), T0, END, None, None, None, started_at=T0)


def rights(live: Live, at: Instant = T0, policy: AccessPolicy = POLICY) -> Rights:
    """What this document allows."""
    return evaluate(live, policy, VERSIONS, CATALOG.defaults, at)


def only(subscription: LiveSubscription) -> Live:
    """A document with one subscription."""
    return Live({"subscription:c:1": subscription})


def status(name: str, **changes: Any) -> LiveSubscription:
    """The subscription in another state."""
    return replace(ACTIVE, status=name, **changes)


@pytest.mark.parametrize(
    ("subscription", "policy", "until"),
    [
        (status("active"), POLICY, END + SLACK),
        (status("trialing"), POLICY, END + SLACK),
        (status("past_due"), POLICY, later(days=1)),
        (status("paused"), POLICY, None),
        (status("paused"), attrs.evolve(POLICY, paused_grants=True), END + SLACK),
        (status("incomplete"), POLICY, None),
        (status("unpaid"), POLICY, None),
        (status("canceled"), POLICY, None),
        (status("incomplete_expired"), POLICY, None),
        (status("hibernating"), POLICY, None),
        (status("active", bound=False), POLICY, None),
        (status("past_due", bound=False), POLICY, None),
        (status("active", cancel_at=later(days=3)), POLICY, later(days=3)),
        (status("active", cancel_at=END), POLICY, END),
        (status("active", cancel_at=later(days=90)), POLICY, END + SLACK),
        (status("past_due", cancel_at=later(seconds=5)), POLICY, later(seconds=5)),
        (status("active", ended_at=later(days=2)), POLICY, later(days=2)),
        (status("active", cancel_at=later(days=9), ended_at=later(days=2)), POLICY, later(days=2)),
        (status("active"), attrs.evolve(POLICY, renewal_slack_seconds=0), END),
        (status("past_due"), attrs.evolve(POLICY, past_due_grace_seconds=0), T0),
    ],
)
def test_each_state_grants_until_the_policy_says(
    subscription: LiveSubscription, policy: AccessPolicy, until: Instant | None
) -> None:
    """One microsecond before its end it grants, and at its end no more."""
    assert granted_until(subscription, policy) == until
    if until is None:
        assert not rights(only(subscription), T0, policy).has("export")
        return
    before = rights(only(subscription), Instant(until - 1), policy)
    assert (before.has("export"), before.valid_until) == (True, until)
    after = rights(only(subscription), until, policy)
    assert (after.has("export"), after.valid_until) == (False, None)


def test_agreements_add_up() -> None:
    """Limits and licences are summed, a flag is had once, and the shortest reset counts."""
    live = Live(
        {
            "a": replace(ACTIVE, items=((PRO, 3), (TEAM, 1))),
            "b": replace(ACTIVE, items=((PRO, 1),)),
        },
        {BOOK: Owned(1, 1)},
    )
    found = rights(live)
    assert found.features == {"export", "audit", "book"}
    assert found.quotas == {"api": Quota(1_000 + 5_000 + 1_000, "day", ACTIVE.started_at)}
    assert found.licences == {"seats": 2 * 3 + 2}
    assert (found.limit("api"), found.licence("seats"), found.limit("none"), found.licence("none")) == (
        7_000,
        8,
        0,
        0,
    )


def test_a_groups_default_counts_only_while_nothing_else_of_it_grants() -> None:
    """The free plan comes back by itself when the paid one ends."""
    assert rights(Live()).limit("api") == 10
    assert rights(only(ACTIVE)).limit("api") == 1_000
    assert rights(only(ACTIVE), Instant(END + SLACK)).limit("api") == 10
    assert rights(Live(partly_refunded={"p": PartlyRefunded(BOOK, 1, 2_000, 1_500, 0)})).limit("api") == 10


def test_a_version_that_is_missing_grants_nothing_and_hides_no_default() -> None:
    """Fail closed, and keep what everybody has."""
    found = rights(only(replace(ACTIVE, items=(("of another time", 1),))))
    assert (found.features, found.limit("api")) == (frozenset(), 10)


@pytest.mark.parametrize("strict", [False, True])
def test_a_partly_refunded_purchase_is_lost_only_if_the_policy_says(strict: bool) -> None:
    """The policy counts when it is read; what it is about is always there."""
    policy = attrs.evolve(POLICY, revoke_on_partial_refund=strict)
    partly = Live(partly_refunded={"p": PartlyRefunded(BOOK, 1, 2_000, 1_500, 0)})
    assert rights(partly, T0, policy).has("book") is not strict
    assert rights(Live(owned={BOOK: Owned(1, 1)}), T0, policy).has("book")


@pytest.mark.parametrize(
    ("left", "lost", "by_default", "lenient", "strict"),
    [
        (1_500, 500, True, True, False),  # a bank took a part
        (0, 2_000, False, True, False),  # a bank took all
        (0, 500, False, True, False),  # most went back, and a bank took the rest
        (500, 0, True, True, False),  # most went back
    ],
)
def test_what_a_bank_took_back_counts_as_gone_only_if_the_policy_says(
    left: int, lost: int, by_default: bool, lenient: bool, strict: bool
) -> None:
    held = Live(partly_refunded={"p": PartlyRefunded(BOOK, 1, 2_000, left, lost)})
    for policy, expected in (
        (POLICY, by_default),
        (attrs.evolve(POLICY, revoke_on_lost_dispute=False), lenient),
        (attrs.evolve(POLICY, revoke_on_partial_refund=True), strict),
    ):
        assert rights(held, T0, policy).has("book") is expected


@pytest.mark.parametrize(
    ("rule", "whole", "paid_at", "granted"),
    [
        ("never", True, T0, True),
        ("full", True, T0, False),
        ("full", False, T0, True),
        ("partial", False, T0, False),
        ("partial", True, Instant(T0 - 3_600 * SECOND), False),  # paid a little before
        ("partial", True, Instant(T0 - 3_601 * SECOND), True),  # of the period before
    ],
)
def test_a_subscription_whose_payment_went_back_grants_on_unless_the_policy_says(
    rule: Literal["never", "full", "partial"], whole: bool, paid_at: Instant, granted: bool
) -> None:
    held = only(ACTIVE)
    (key,) = held.subscriptions
    held = replace(held, returned={"i": Returned(key, paid_at, whole), "j": Returned("other", T0, whole)})
    policy = attrs.evolve(POLICY, refund_ends_period=rule)
    assert rights(held, T0, policy).has("export") is granted


def test_what_was_bought_several_times_counts_several_times() -> None:
    """A limit for each purchase, seats for each of its quantity, and a flag once."""
    found = rights(Live(owned={PRO: Owned(2, 5)}))
    assert found.features == {"export"}
    assert found.licences == {"seats": 2 * 5}
    assert found.quotas == {"api": Quota(2 * 1_000, "month")}


def test_credits_are_live_lots_less_what_is_owed_and_never_negative() -> None:
    """Debt of one lot is paid from the others; an expired lot settles none."""
    live = Live(purse=Purse({"a": LiveLot("ai", 100, later(days=1), T0)}, debts={"ai": 30, "sms": 4}))
    now = rights(live)
    assert (now.credits, now.valid_until) == ({"ai": 70, "sms": 0}, later(days=1))
    assert (now.balance("ai"), now.has("ai"), now.has("sms"), now.balance("none")) == (70, True, False, 0)
    assert rights(live, later(days=1)).credits == {"ai": 0, "sms": 0}


def test_a_quota_of_nothing_is_not_had() -> None:
    """A limit of zero is no access."""
    nothing = attrs.evolve(CATALOG.offers["app:pro"], grants=(QuotaGrant("api", 0, "month"),))
    found = evaluate(
        only(replace(ACTIVE, items=((nothing.hash, 1),))),
        POLICY,
        {nothing.hash: nothing},
        (),
        T0,
    )
    assert (found.quotas["api"].limit, found.has("api")) == (0, False)


# --- the law of valid_until -------------------------------------------------------------------

days = st.integers(-3, 40).map(lambda count: Instant(T0 + count * DAY))
maybe = st.none() | days
subscriptions = st.builds(
    LiveSubscription,
    st.sampled_from(["incomplete", "trialing", "active", "past_due", "paused", "unpaid", "canceled"]),
    st.booleans(),
    st.lists(st.tuples(st.sampled_from([PRO, TEAM]), st.integers(1, 3)), max_size=2).map(tuple),
    days,
    days,
    maybe,
    maybe,
    maybe,
)
lots = st.dictionaries(
    st.sampled_from("fg"), st.builds(LiveLot, st.just("ai"), st.integers(0, 9), days, days, st.integers(0, 9))
)
holds = st.builds(Hold, st.just("ai"), days, st.just((("f", 2),)))
counters = st.builds(Counter, days, days, st.integers(0, 9))
lives = st.builds(
    Live,
    st.dictionaries(st.sampled_from("abc"), subscriptions, max_size=3),
    st.dictionaries(st.just(BOOK), st.builds(Owned, st.just(1), st.just(1))),
    st.dictionaries(st.sampled_from("de"), st.builds(PartlyRefunded, st.just(BOOK), st.just(1))),
    st.just({}),
    st.just({}),
    st.builds(
        Purse,
        lots,
        st.dictionaries(st.just("ai"), st.integers(0, 9)),
        st.dictionaries(st.just("ai"), st.integers(0, 9)),
        st.just({}),
        st.dictionaries(st.just("h"), holds),
    ),
    st.dictionaries(st.just(counter_key("api", "month", CALENDAR)), counters),
)
policies = st.builds(
    AccessPolicy,
    st.sampled_from([0, 86_400]),
    st.sampled_from([0, 7 * 86_400]),
    st.booleans(),
    st.booleans(),
)


def same(a: Rights, b: Rights) -> bool:
    """Whether both allow the same."""
    return attrs.evolve(a, at=T0, valid_until=None) == attrs.evolve(b, at=T0, valid_until=None)


@given(lives, policies, days, st.data())
@settings(max_examples=200, deadline=None)
def test_rights_hold_until_valid_until_and_not_a_moment_more_is_promised(
    live: Live, policy: AccessPolicy, at: Instant, data: st.DataObject
) -> None:
    """For every t in [at, valid_until) the same rights; without one, for ever."""
    now = rights(live, at, policy)
    end = now.valid_until if now.valid_until is not None else Instant(T0 + 500 * DAY)
    assert end > at
    for moment in (end - 1, data.draw(st.integers(at, end - 1))):
        assert same(rights(live, Instant(moment), policy), now)
    if now.valid_until is not None:
        after = rights(live, end, policy)
        assert after.valid_until is None or after.valid_until > end


@given(lives, policies, days)
@settings(max_examples=100, deadline=None)
def test_only_time_that_ends_something_is_named(live: Live, policy: AccessPolicy, at: Instant) -> None:
    """`valid_until` is the end of a subscription, a lot, a reservation or a window, never a guess."""
    now = rights(live, at, policy)
    ends = {granted_until(one, policy) for one in live.subscriptions.values() if one.items}
    ends |= {lot.expires_at for lot in live.purse.lots.values()}
    ends |= {hold.until for hold in live.purse.holds.values()}
    if now.quotas["api"].anchor == CALENDAR:
        ends |= {counter.end for counter in live.counters.values()}
    later_ends = [end for end in ends if end is not None and end > at]
    assert now.valid_until == min(later_ends, default=None)


def test_a_policy_is_identified_by_what_it_says() -> None:
    """Explanations name it."""
    assert POLICY.hash == AccessPolicy(3_600, 86_400).hash != AccessPolicy().hash
