"""Grants: stored with what was sold, so their encoding is pinned."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from purchase_core.catalog.grants import (
    RESETS,
    CreditGrant,
    FlagGrant,
    Grant,
    LicenceGrant,
    QuotaGrant,
    name_of,
)

STORED: list[tuple[Grant, bytes]] = [
    (FlagGrant("export"), b'{"type":"flag","feature":"export"}'),
    (QuotaGrant("api", 100, "month"), b'{"type":"quota","feature":"api","limit":100,"reset":"month"}'),
    (CreditGrant("ai", 500, 365), b'{"type":"credits","unit":"ai","amount":500,"expires_days":365}'),
    (LicenceGrant("seats", 5), b'{"type":"licence","feature":"seats","count":5}'),
]

names = st.text(max_size=5)
counts = st.integers(0, 2**53 - 1)
grants = st.one_of(
    st.builds(FlagGrant, names),
    st.builds(QuotaGrant, names, counts, st.sampled_from(RESETS)),
    st.builds(CreditGrant, names, counts, counts),
    st.builds(LicenceGrant, names, counts),
)


@pytest.mark.parametrize(("grant", "stored"), STORED)
def test_a_grant_is_stored_so_and_was_stored_so_before(grant: Grant, stored: bytes) -> None:
    assert msgspec.json.encode(grant) == stored
    assert msgspec.json.decode(stored, type=Grant) == grant


@given(st.lists(grants, max_size=4).map(tuple))
def test_grants_come_back_as_what_they_were(given_: tuple[Grant, ...]) -> None:
    back = msgspec.json.decode(msgspec.json.encode(given_), type=tuple[Grant, ...])
    assert back == given_
    assert [type(one) for one in back] == [type(one) for one in given_]


@pytest.mark.parametrize(
    "stored",
    [
        b'{"feature":"export"}',
        b'{"type":"gift","feature":"export"}',
        b'{"type":"quota","feature":"api","limit":1,"reset":"hour"}',
        b'{"type":"quota","feature":"api","limit":1.5,"reset":"day"}',
        b'{"type":"credits","unit":"ai"}',
    ],
)
def test_anything_else_is_no_grant(stored: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(stored, type=Grant)


@pytest.mark.parametrize(
    ("grant", "name"),
    [(grant, name) for (grant, _), name in zip(STORED, ["export", "api", "ai", "seats"], strict=True)],
)
def test_each_grant_is_of_one_feature_or_unit(grant: Grant, name: str) -> None:
    assert name_of(grant) == name
