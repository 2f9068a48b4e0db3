"""Canonical bytes and content hashes: pinned, so that a change of encoding cannot pass unseen."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from purchase_core.canonical import HASH_CHARACTERS, canonical, content_hash
from purchase_core.catalog.grants import QuotaGrant
from purchase_core.money import Money


@attrs.frozen
class Sample:
    """Fields that are not in alphabetical order."""

    zeta: int
    alpha: str
    money: Money


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (None, b"null"),
        (True, b"true"),
        (-(2**63), b"-9223372036854775808"),
        ('é\n"\u2028😀', '"é\\n\\"\u2028😀"'.encode()),
        ([], b"[]"),
        ((1, "a"), b'[1,"a"]'),
        ({"b": {"d": 1, "c": 2}, "a": [3]}, b'{"a":[3],"b":{"c":2,"d":1}}'),
        ({"B": 1, "a": 2, "": 3, "é": 4, "Z": 5}, '{"":3,"B":1,"Z":5,"a":2,"é":4}'.encode()),
        (frozenset("edcba"), b'["a","b","c","d","e"]'),
        (
            Sample(1, "x", Money("12.00", "USD")),
            b'{"alpha":"x","money":{"currency":"USD","minor":1200},"zeta":1}',
        ),
        (QuotaGrant("api", 5, "day"), b'{"feature":"api","limit":5,"reset":"day","type":"quota"}'),
    ],
)
def test_a_value_has_these_bytes(value: object, encoded: bytes) -> None:
    assert canonical(value) == encoded
    assert content_hash(value) == hashlib.sha256(encoded).hexdigest()[:32]


def test_hashes_are_those_of_every_earlier_version() -> None:
    assert content_hash({}) == "44136fa355b3678a1146ad16f7e8649e"
    assert content_hash({"b": [1, "two", None], "a": True}) == "f696b62c20aee409969b391cb3cdf8ad"
    assert HASH_CHARACTERS == 32


def test_another_process_with_another_hash_seed_finds_the_same() -> None:
    code = (
        "from purchase_core.canonical import content_hash;"
        "print(content_hash({key: frozenset('purchase') for key in 'zyxabc'}))"
    )
    found = {
        subprocess.run(  # noqa: S603  # our own code
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert found == {content_hash({key: frozenset("purchase") for key in "abcxyz"}) + "\n"}


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=8,
)


def reversed_keys(value: object) -> object:
    """The same value, with the keys of each object put in the other way round."""
    if isinstance(value, dict):
        return {key: reversed_keys(value[key]) for key in reversed(value)}
    return [reversed_keys(one) for one in value] if isinstance(value, list) else value


@given(values)
def test_the_order_of_keys_does_not_count(value: object) -> None:
    assert canonical(reversed_keys(value)) == canonical(value)


@given(values, values)
def test_two_values_share_a_hash_only_if_they_are_the_same(one: object, other: object) -> None:
    same = repr(sort_keys(one)) == repr(sort_keys(other))  # repr, since True == 1
    assert (content_hash(one) == content_hash(other)) == same


def sort_keys(value: object) -> object:
    """The same value with its keys in order."""
    if isinstance(value, dict):
        return {key: sort_keys(value[key]) for key in sorted(value)}
    return [sort_keys(one) for one in value] if isinstance(value, list) else value
