"""The laws of the fold: order, duplicates and batches make no difference, and a fact costs its cluster."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purchase_core.facts import fold as fold_module
from purchase_core.facts.cluster import Cluster, absorb
from purchase_core.facts.fact import Fact, names
from purchase_core.facts.fold import apply, canonical_hash, fold, rows_of
from purchase_core.facts.register import Register, join, register
from purchase_core.testing.bench import mapped
from purchase_core.testing.histories import History, histories
from purchase_core.testing.sales import VERSIONS, Sale, later

LANE = "customer:alice"


def hash_of(facts: Iterable[Fact]) -> str:
    """The canonical hash of the state after these facts."""
    return canonical_hash(rows_of(fold(LANE, facts), VERSIONS))


@given(histories(), st.data())
@settings(max_examples=80, deadline=None)
def test_i03_any_order_and_any_duplicates_give_one_hash(history: History, data: st.DataObject) -> None:
    """I3: the state depends on the set of facts."""
    facts = mapped(history.facts)
    shuffled = data.draw(st.permutations(facts))
    doubled = data.draw(st.permutations([*facts, *data.draw(st.lists(st.sampled_from(facts), max_size=5))]))
    expected = fold(LANE, facts)
    assert fold(LANE, shuffled) == expected == fold(LANE, doubled)
    assert hash_of(shuffled) == canonical_hash(rows_of(expected, VERSIONS)) == hash_of(doubled)


@given(histories(), st.data())
@settings(max_examples=25, deadline=None)
def test_one_more_fact_is_the_fold_of_all_of_them(history: History, data: st.DataObject) -> None:
    """After every step the state is what the facts so far make from nothing."""
    facts = data.draw(st.permutations(mapped(history.facts)))
    state = fold(LANE, ())
    for count, fact in enumerate(facts, start=1):
        state = apply(state, fact)
        assert state == fold(LANE, facts[:count])


@given(histories())
@settings(max_examples=25, deadline=None)
def test_clusters_share_no_object_and_their_roots_are_theirs(history: History) -> None:
    """Each object is in exactly one cluster, and each name leads to the cluster that knows it."""
    state = fold(LANE, mapped(history.facts))
    members = [member for cluster in state.clusters.values() for member in cluster.members()]
    assert len(members) == len(set(members))
    assert set(members) == set(state.roots)
    for root, cluster in state.clusters.items():
        assert root in cluster.registers
        assert {state.roots[member] for member in cluster.members()} == {root}


def test_a_fact_touches_the_clusters_that_it_names_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cost of a fact is that of its cluster, after hundreds of sales as after one."""
    touched: list[set[str]] = []

    def counting(clusters: Iterable[Cluster], fact: Fact, lane: str) -> Cluster:
        mine = list(clusters)
        touched.append({one.root for one in mine})
        return absorb(mine, fact, lane)

    monkeypatch.setattr(fold_module, "absorb", counting)
    state = fold(
        LANE, [fact for number in range(300) for fact in (Sale(number).placed(), Sale(number).tried())]
    )
    untouched = {root: one for root, one in state.clusters.items() if root != "intent:own:intent_7"}
    touched.clear()
    state = apply(state, Sale(7).session())
    state = apply(state, Sale(7).invoice())
    assert touched == [{"intent:own:intent_7"}, {"intent:own:intent_7"}]
    assert all(state.clusters[root] is one for root, one in untouched.items())
    touched.clear()
    apply(state, Sale(7).renewal(3))
    assert touched == [set()]


def test_a_renewal_stands_alone_however_long_a_subscription_lives() -> None:
    """A hundred renewals are a hundred clusters; the agreement's own stays as small as it was."""
    sale = Sale()
    facts = [sale.placed(), sale.session(), sale.subscription(), sale.invoice()]
    state = fold(LANE, [*facts, *(sale.renewal(period) for period in range(1, 101))])
    assert len(state.clusters) == 101
    assert len(state.clusters["intent:own:intent_1"].registers) == 4


def test_a_root_is_an_object_that_was_seen() -> None:
    """What is only named may be another's; two clusters must never have one root."""
    state = fold(LANE, [Sale().subscription()])
    assert list(state.clusters) == ["subscription:stripe-eu:sub_1_1"]
    assert list(apply(state, Sale().placed()).clusters) == ["intent:own:intent_1"]


@pytest.mark.parametrize("bridge_first", [True, False])
def test_clusters_join_when_a_fact_names_both(bridge_first: bool) -> None:
    """A session names the intent and the invoice, which until then knew nothing of each other."""
    sale = Sale(offer="book:full", tagged=False)
    apart, bridge = [sale.placed(), sale.tried("current"), sale.invoice()], sale.session(at=later(seconds=1))
    order = [bridge, *apart] if bridge_first else [*apart, bridge]
    state = fold(LANE, order)
    assert list(state.clusters) == ["intent:own:intent_1"]
    assert hash_of(order) == hash_of(reversed(order))


# --- registers --------------------------------------------------------------------------------


def registers() -> st.SearchStrategy[list[Register]]:
    """Registers of one subscription or invoice, each of a few sightings at a few instants."""
    sale = Sale()
    facts = [
        *(sale.subscription(status, later(seconds=second)) for status in STATES for second in range(3)),
        *mapped([sale.subscription("active", later(seconds=1))]),
    ]
    joined = st.lists(st.sampled_from(facts), min_size=1, max_size=4).map(_joined)
    return st.lists(joined, min_size=3, max_size=3)


STATES = ("incomplete", "active", "past_due", "canceled", "a state of next year")


def _joined(facts: list[Fact]) -> Register:
    first, *others = map(register, facts)
    for one in others:
        first = join(first, one)
    return first


@given(registers())
@settings(max_examples=150, deadline=None)
def test_join_is_commutative_associative_and_idempotent(three: list[Register]) -> None:
    """The join of a semilattice: that is where order-freeness comes from."""
    a, b, c = three
    assert join(a, b) == join(b, a)
    assert join(join(a, b), c) == join(a, join(b, c))
    assert join(a, a) == a
    assert join(join(a, b), b) == join(a, b)


def test_a_later_mapping_of_the_same_state_is_no_rival() -> None:
    """The same sighting with its price mapped is the same sighting, known better."""
    plain = Sale().subscription()
    better = mapped([plain])[0]
    for order in itertools.permutations([plain, better]):
        known = _joined(list(order))
        assert known.newest.body == better.body == known.first.body
        assert not known.contested
    assert plain.key != better.key


def test_a_fact_names_what_its_kind_names() -> None:
    """Renewals name their period; a refund names its invoice; a session names all that it opened."""
    sale = Sale()
    assert names(sale.placed()) == ()
    assert names(sale.tried()) == ("intent:own:intent_1", "session:stripe-eu:cs_1_1")
    assert names(sale.session()) == (
        "intent:own:intent_1",
        "subscription:stripe-eu:sub_1_1",
        "invoice:stripe-eu:in_1_1",
    )
    assert names(sale.invoice()) == ("intent:own:intent_1", "subscription:stripe-eu:sub_1_1")
    assert names(sale.renewal(1)) == (f"period:stripe-eu:sub_1_1:{later(days=30)}",)
    assert names(sale.change()) == ()
    assert names(sale.refund(1)) == names(sale.dispute(1)) == ("invoice:stripe-eu:in_1_1",)
