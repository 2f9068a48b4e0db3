"""Rows that are remembered are those that would be derived anew."""

from __future__ import annotations

from unittest.mock import patch

from msgspec.structs import replace

from purchase_core.facts.derive import derive
from purchase_core.facts.fold import fold
from purchase_core.facts.rows import LotRow
from purchase_core.projection import derived
from purchase_core.projection.derived import DerivedRows
from purchase_core.testing.bench import mapped
from purchase_core.testing.sales import VERSIONS, Sale

TOKENS = Sale(offer="tokens:small")
FACTS = mapped([TOKENS.placed(), TOKENS.tried(), TOKENS.session(), TOKENS.invoice()])
(CLUSTER,) = fold("customer:alice", FACTS).clusters.values()


def test_the_rows_of_one_cluster_are_derived_once() -> None:
    rows = DerivedRows()
    first = rows.of(CLUSTER, VERSIONS)
    assert first == derive(CLUSTER, VERSIONS)
    assert rows.of(CLUSTER, VERSIONS) is first


def test_a_cluster_that_changed_or_moved_is_derived_anew() -> None:
    rows = DerivedRows()
    rows.of(CLUSTER, VERSIONS)
    moved = replace(CLUSTER, lane="customer:bob")
    assert rows.of(moved, VERSIONS) == derive(moved, VERSIONS)
    assert {row.lane for row in rows.of(moved, VERSIONS).values()} == {"customer:bob"}


def test_what_was_derived_without_an_offer_is_not_remembered() -> None:
    """The offer may be learned later, and then it grants."""
    rows = DerivedRows()
    without = {type(row) for row in rows.of(CLUSTER, {}).values()}
    assert LotRow not in without
    assert LotRow in {type(row) for row in rows.of(CLUSTER, VERSIONS).values()}


def test_few_are_remembered() -> None:
    with patch.object(derived, "CLUSTERS_MAX", 3):
        rows = DerivedRows()
        for number in range(10):
            rows.of(replace(CLUSTER, root=f"root_{number}"), VERSIONS)
        assert list(rows._known) == ["root_7", "root_8", "root_9"]
