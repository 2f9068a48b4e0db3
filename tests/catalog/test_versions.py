"""Offer versions: one hash for what a holder bought, the same in every release."""

from __future__ import annotations

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from purchase_core.calendar import UNITS
from purchase_core.canonical import content_hash
from purchase_core.catalog.grants import RESETS, CreditGrant, FlagGrant, LicenceGrant, QuotaGrant
from purchase_core.catalog.products import plan, subscription
from purchase_core.catalog.versions import OfferVersion, decode_offer, offer_version
from purchase_core.currencies import DECIMALS
from purchase_core.money import Money

PRO = OfferVersion(
    offer="app:pro",
    product="subscription",
    name="App Pro",
    group="app",
    prices=(Money("12.00", "USD"), Money("11.00", "EUR")),
    interval="month",
    interval_count=1,
    trial_days=14,
    quantity_min=1,
    quantity_max=5,
    grants=(
        FlagGrant("export"),
        QuotaGrant("api", 100, "month"),
        CreditGrant("ai", 5, 30),
        LicenceGrant("seats", 2),
    ),
)
STORED = (
    b'{"offer":"app:pro","product":"subscription","name":"App Pro","group":"app",'
    b'"prices":[{"minor":1200,"currency":"USD"},{"minor":1100,"currency":"EUR"}],'
    b'"interval":"month","interval_count":1,"trial_days":14,"quantity_min":1,"quantity_max":5,'
    b'"grants":[{"type":"flag","feature":"export"},'
    b'{"type":"quota","feature":"api","limit":100,"reset":"month"},'
    b'{"type":"credits","unit":"ai","amount":5,"expires_days":30},'
    b'{"type":"licence","feature":"seats","count":2}]}'
)

names = st.text(max_size=5)
counts = st.integers(0, 10**6)
versions = st.builds(
    OfferVersion,
    offer=names,
    product=st.sampled_from(["subscription", "one_time", "credit_pack"]),
    name=names,
    group=names,
    prices=st.lists(st.builds(Money.of_minor, counts, st.sampled_from(sorted(DECIMALS))), max_size=3).map(
        tuple
    ),
    interval=st.sampled_from(["", *UNITS]),
    interval_count=counts,
    trial_days=counts,
    quantity_min=counts,
    quantity_max=counts,
    grants=st.lists(
        st.one_of(
            st.builds(FlagGrant, names),
            st.builds(QuotaGrant, names, counts, st.sampled_from(RESETS)),
            st.builds(CreditGrant, names, counts, counts),
            st.builds(LicenceGrant, names, counts),
        ),
        max_size=3,
    ).map(tuple),
)


def test_its_hash_is_that_of_every_earlier_release() -> None:
    assert PRO.hash == "eec43a9fa0c9439d5a53b8d2c11a5c7f"


def test_it_reads_what_every_earlier_release_stored() -> None:
    assert decode_offer(STORED) == PRO
    assert decode_offer(STORED.decode()).hash == PRO.hash


@given(versions)
def test_it_comes_back_from_a_store_as_it_was(version: OfferVersion) -> None:
    back = decode_offer(version.encode())
    assert back == version
    assert back.hash == version.hash


@given(versions, versions)
def test_two_versions_share_a_hash_only_if_they_differ_in_name_alone(
    one: OfferVersion, other: OfferVersion
) -> None:
    same = attrs.evolve(one, name="") == attrs.evolve(other, name="")
    assert (one.hash == other.hash) == same


def test_a_new_label_is_no_new_version() -> None:
    assert attrs.evolve(PRO, name="The new Pro").hash == PRO.hash


@pytest.mark.parametrize(
    "changed",
    [
        attrs.evolve(PRO, offer="app:pro2"),
        attrs.evolve(PRO, product="one_time"),
        attrs.evolve(PRO, group="tiers"),
        attrs.evolve(PRO, prices=PRO.prices[:1]),
        attrs.evolve(PRO, prices=(Money("12.01", "USD"), PRO.prices[1])),
        attrs.evolve(PRO, interval="year"),
        attrs.evolve(PRO, interval_count=2),
        attrs.evolve(PRO, trial_days=0),
        attrs.evolve(PRO, quantity_min=2),
        attrs.evolve(PRO, quantity_max=6),
        attrs.evolve(PRO, grants=PRO.grants[1:]),
        attrs.evolve(PRO, grants=(*PRO.grants[:3], LicenceGrant("seats", 3))),
    ],
)
def test_whatever_else_changes_makes_another_version(changed: OfferVersion) -> None:
    assert changed.hash != PRO.hash


def test_a_version_in_use_does_not_change() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        PRO.trial_days = 0  # type: ignore[misc]


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"{}",
        b"[]",
        STORED[:-1],
        STORED.replace(b'"subscription"', b'"lottery"'),
        STORED.replace(b'"flag"', b'"wish"'),
        STORED.replace(b"1200", b'"12.00"'),
    ],
)
def test_anything_else_is_not_read_as_a_version(stored: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_offer(stored)


def test_what_a_plan_leaves_out_is_filled_in() -> None:
    free = offer_version(subscription("app", plans=[plan("free")]), plan("free"))
    assert free == OfferVersion("app:free", "subscription", "app free", "app", (), "", 1, 0, 1, 1, ())


def test_a_plan_named_as_its_product_is_not_named_twice() -> None:
    product = subscription("app", name="App", plans=[])
    assert offer_version(product, plan("x", name="App")).name == "App"
    assert offer_version(product, plan("x", name="Pro")).name == "App Pro"


def test_metadata_and_provider_ids_are_not_what_a_holder_bought() -> None:
    product = subscription("app", plans=[])
    plain = offer_version(product, plan("x"))
    assert offer_version(product, plan("x", metadata={"a": "b"}, provider_ids={"stripe": "price_1"})) == plain


def test_what_it_costs_in_a_country_is_what_a_holder_bought() -> None:
    product = subscription("app", plans=[])
    usd, eur = Money("12.00", "USD"), Money("11.00", "EUR")
    plain = offer_version(product, plan("x", price=usd, every="month"))
    abroad = offer_version(product, plan("x", price=usd, every="month", countries={"DE": eur, "AT": eur}))
    turned = offer_version(product, plan("x", price=usd, every="month", countries={"AT": eur, "DE": eur}))
    assert abroad.hash == turned.hash != plain.hash
    assert decode_offer(abroad.encode()) == abroad


def test_who_has_asked_for_its_hash_changes_no_byte_of_a_version() -> None:
    asked, other = attrs.evolve(PRO), attrs.evolve(PRO)
    assert asked.hash == asked.hash
    assert asked.encode() == other.encode()
    assert content_hash([asked]) == content_hash([other])
