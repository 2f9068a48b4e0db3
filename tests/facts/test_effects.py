"""Effects: each once, under keys that a replay finds again, and only for what somebody owns."""

from __future__ import annotations

from collections.abc import Iterable

from purchase_core.catalog.versions import OfferVersion
from purchase_core.facts.cluster import Cluster
from purchase_core.facts.derive import derive
from purchase_core.facts.effects import RowsByKey, effects_of
from purchase_core.facts.fact import Fact
from purchase_core.facts.fold import fold
from purchase_core.testing.bench import mapped
from purchase_core.testing.sales import VERSIONS, Sale, later

PRO = Sale()
BOOK = Sale(offer="book:full")
ALICE = "customer:alice"


def rows(facts: Iterable[Fact], lane: str = ALICE) -> RowsByKey:
    """The rows of these facts, by table and key."""
    offers: dict[str, OfferVersion] = VERSIONS
    clusters: Iterable[Cluster] = fold(lane, mapped(facts)).clusters.values()
    return {identity: row for cluster in clusters for identity, row in derive(cluster, offers).items()}


def effects(before: Iterable[Fact], after: Iterable[Fact], lane: str = ALICE) -> list[tuple[str, str]]:
    """Key and name of what became true."""
    return [(key, name) for key, name, _ in effects_of(rows(before, lane), rows(after, lane))]


def names(before: Iterable[Fact], after: Iterable[Fact], lane: str = ALICE) -> list[str]:
    """What became true."""
    return [name for _, name in effects(before, after, lane)]


SOLD = [PRO.placed(), PRO.tried(), PRO.invoice(), PRO.subscription()]


def test_a_subscription_starts_renews_and_ends_once() -> None:
    """The renewal's key holds its period, so that each period has one."""
    key = "subscription:stripe-eu:sub_1_1"
    renewed = [*SOLD, PRO.subscription(at=later(days=30), period=1)]
    ended = [*renewed, PRO.subscription("canceled", later(days=40))]
    assert effects([], SOLD) == [(f"{key}:subscription.started", "subscription.started")]
    assert effects(SOLD, renewed) == [
        (f"{key}:subscription.renewed:{later(days=30)}", "subscription.renewed")
    ]
    assert effects(renewed, ended) == [(f"{key}:subscription.ended", "subscription.ended")]
    assert effects(ended, ended) == []


def test_what_is_not_bound_has_not_started() -> None:
    """It starts when its money matches, whichever is told last."""
    assert names([], [PRO.placed(), PRO.tried(), PRO.subscription()]) == []
    assert names(SOLD[:2], SOLD[:3]) == []
    assert names(SOLD[:3], SOLD) == ["subscription.started"]
    assert names([*SOLD[:2], SOLD[3]], SOLD) == ["subscription.started"]


def test_a_purchase_is_granted_once_and_each_new_total_refunded_once() -> None:
    """The key of a refund is the total, so that a refund that failed and came again is told once."""
    bought = [BOOK.placed(), BOOK.tried(), BOOK.invoice()]
    part = [*bought, BOOK.refund(500, name="a")]
    failed = [*part, BOOK.refund(500, "failed", later(days=1), name="a")]
    again = [*failed, BOOK.refund(500, at=later(days=2), name="b")]
    assert effects([], bought) == [("purchase:own:intent_1:purchase.granted", "purchase.granted")]
    told = [("purchase:own:intent_1:purchase.refunded:500", "purchase.refunded")]
    assert effects(bought, part) == told == effects(failed, again)
    assert effects(part, failed) == []


def test_a_case_is_told_when_it_opens() -> None:
    """Not again while it stays open, and not when it closes."""
    wrong = [BOOK.placed(), Sale(offer="book:full", connection="paddle").tried(), BOOK.invoice()]
    assert names([], wrong) == ["case.mismatch"]
    assert names(wrong, wrong) == names(wrong, [*wrong, BOOK.refund(2_000)]) == []


def test_what_nobody_owns_has_no_effects_but_its_cases() -> None:
    """They come when its owner is known, as if it had just been seen."""
    waiting = "object:subscription:stripe-eu:sub_1_1"
    facts = [Sale(tagged=False).subscription()]
    assert names([], facts, waiting) == ["case.unmatched"]
    told = [name for _, name, _ in effects_of(rows(facts, waiting), rows(facts))]
    assert told == ["subscription.started"]
