"""Clusters as text: what is remembered is what is stored, whoever else stores it."""

from __future__ import annotations

from unittest.mock import patch

from msgspec.structs import replace

from purchase_contract_tests.store.samples import ANA, BEN, cluster, refund
from purchase_core.facts.cluster import encode_cluster
from purchase_sql import clusters
from purchase_sql.clusters import CHARACTERS_MAX, ClusterTexts


def test_what_was_written_or_read_is_not_read_again() -> None:
    texts, one = ClusterTexts(), cluster(ANA, refund())
    text = texts.write(one)
    assert text == encode_cluster(one).decode()
    assert texts.read(one.root, ANA, text) is one
    others = ClusterTexts()
    read = others.read(one.root, ANA, text)
    assert read == one
    assert others.read(one.root, ANA, text) is read


def test_what_another_process_has_written_since_is_read() -> None:
    texts, one = ClusterTexts(), cluster(ANA, refund())
    texts.write(one)
    theirs = cluster(ANA, replace(refund(), final=True))
    assert theirs.root == one.root
    assert texts.read(one.root, ANA, encode_cluster(theirs).decode()) == theirs != one


def test_a_cluster_that_moved_to_another_lane_is_another_cluster() -> None:
    texts, one = ClusterTexts(), cluster(ANA, refund())
    text = texts.write(one)
    assert texts.read(one.root, BEN, text) == replace(one, lane=BEN)
    assert texts.read(one.root, ANA, text) == one


def test_few_are_remembered_and_no_large_one() -> None:
    with patch.object(clusters, "REMEMBERED_MAX", 3):
        texts = ClusterTexts()
        for number in range(10):
            texts.write(replace(cluster(ANA, refund()), root=f"root_{number}"))
        assert list(texts._known) == ["root_7", "root_8", "root_9"]
    large = cluster(ANA, *(refund(f"re_{number}_{'x' * 100}") for number in range(CHARACTERS_MAX // 100)))
    text = texts.write(large)
    assert large.root not in texts._known
    assert texts.read(large.root, ANA, text) == large
