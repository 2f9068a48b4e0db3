"""Bodies and clusters come back from storage as they went in, and facts keep their keys."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from purchase_core.facts.bodies import KINDS, STATE_RANK, Body
from purchase_core.facts.cluster import decode_cluster, encode_cluster
from purchase_core.facts.fact import decode_body, encode_body, mapped, seen
from purchase_core.facts.fold import fold
from purchase_core.testing.bench import mapped as recorded
from purchase_core.testing.histories import History, histories
from purchase_core.testing.sales import T0, Sale, again

SALE = Sale()


@pytest.mark.parametrize("kind", KINDS)
@given(st.data())
@settings(max_examples=25, deadline=None)
def test_a_body_comes_back_as_it_was(kind: str, data: st.DataObject) -> None:
    """Any text, any amounts, absent instants."""
    body = cast("Body", data.draw(st.from_type(cast("Any", KINDS[kind]))))
    assert decode_body(kind, encode_body(body)) == body


@pytest.mark.parametrize("stored", [b"", b"{}", b"[]", b'{"id": 1}', b"null"])
def test_what_is_not_a_body_is_refused(stored: bytes) -> None:
    """A damaged row is an error, not a guess."""
    with pytest.raises(msgspec.DecodeError):
        decode_body("refund", stored)


def test_a_field_of_a_later_version_is_left_alone() -> None:
    """F98: old code reads what it knows."""
    stored = encode_body(SALE.refund(5).body).replace(b"{", b'{"reason_of_next_year":"x",', 1)
    assert decode_body("refund", stored) == SALE.refund(5).body


@given(histories())
@settings(max_examples=30, deadline=None)
def test_a_cluster_comes_back_as_it_was(history: History) -> None:
    """Registers with their first and newest sightings, rivals and names."""
    for root, cluster in fold("customer:alice", recorded(history.facts)).clusters.items():
        stored = encode_cluster(cluster)
        again_read = decode_cluster(root, "customer:alice", stored)
        assert again_read == cluster
        assert encode_cluster(again_read) == stored


def test_a_cluster_is_stored_alike_whatever_came_first() -> None:
    """The bytes are a function of the set of facts, so that equal clusters are not written again."""
    facts = [SALE.placed(), SALE.tried(), SALE.session(), SALE.invoice("open"), SALE.invoice()]
    forwards, backwards = (fold("customer:alice", order) for order in (facts, facts[::-1]))
    root = "intent:own:intent_1"
    assert encode_cluster(forwards.clusters[root]) == encode_cluster(backwards.clusters[root])


def test_a_fact_is_the_same_by_object_instant_and_content() -> None:
    """Another instant, another state or another object is another fact; another delivery is not."""
    one = SALE.subscription()
    assert one.key == SALE.subscription().key
    others = [
        SALE.subscription("past_due"),
        SALE.subscription(at=cast("Any", T0 + 1)),
        Sale(2).subscription(),
        Sale(connection="paddle").subscription(),
    ]
    assert len({one.key, *(other.key for other in others)}) == 5


def test_what_its_prices_stand_for_is_no_part_of_what_was_seen() -> None:
    """The digest is the provider's; how much of it we could map is told apart in the key."""
    plain, better = SALE.subscription(), recorded([SALE.subscription()])[0]
    assert plain.digest == better.digest
    assert (mapped(plain.body), mapped(better.body)) == (0, 1)
    assert mapped(SALE.refund(1).body) == 0


def test_every_kind_has_a_rank_of_states_and_a_connection() -> None:
    """No kind is forgotten in a table."""
    assert set(STATE_RANK) == set(KINDS)
    assert (SALE.placed().connection, SALE.invoice().connection) == ("own", "stripe-eu")
    odd = again(SALE.refund(1), replace(cast("Any", SALE.refund(1).body), id="a:b"))
    assert (odd.object, odd.connection) == ("refund:stripe-eu:a:b", "stripe-eu")
    assert seen("stripe-eu", T0, odd.body).kind == "refund"
