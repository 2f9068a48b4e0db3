"""Identifiers: ours are UUIDv7 (RFC 9562) behind their kind; the application's are checked."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purchase_core.errors import InvalidArgument
from purchase_core.identifiers import IdSource, RandomIds, SeededIds, customer_id, idempotency_key


def parsed(identifier: str, kind: str) -> UUID:
    """The UUID of an identifier of this kind, spelled as promised."""
    prefix, _, digits = identifier.rpartition("_")
    assert prefix == kind
    assert len(digits) == 32
    assert digits == digits.lower()
    return UUID(hex=digits)


@pytest.mark.parametrize("source", [RandomIds(), SeededIds(7)])
@pytest.mark.parametrize("kind", ["intent", "provider_event"])
def test_an_identifier_is_its_kind_and_a_version_7_uuid(source: IdSource, kind: str) -> None:
    for _ in range(100):
        uuid = parsed(source.new(kind), kind)
        assert uuid.version == 7
        assert uuid.variant == RFC_4122


def test_a_random_identifier_begins_with_the_millisecond_of_its_making() -> None:
    before = time.time_ns() // 1_000_000
    made = parsed(RandomIds().new("intent"), "intent").int >> 80
    assert before <= made <= time.time_ns() // 1_000_000


def test_random_identifiers_differ() -> None:
    ids = RandomIds()
    assert len({ids.new("a") for _ in range(10_000)}) == 10_000


def test_every_bit_that_the_standard_leaves_free_is_random() -> None:
    ids = RandomIds()
    values = [parsed(ids.new("a"), "a").int & (1 << 80) - 1 for _ in range(200)]
    ever_set, always_set = 0, (1 << 80) - 1
    for value in values:
        ever_set |= value
        always_set &= value
    assert always_set == 0x7 << 76 | 0x2 << 62  # the version and the variant, nothing else
    assert ever_set == (1 << 80) - 1 & ~(0x8 << 76) & ~(0x1 << 62)


@given(st.integers())
def test_a_seed_repeats_its_identifiers_in_order(seed: int) -> None:
    one, two = SeededIds(seed), SeededIds(seed)
    made = [one.new("a") for _ in range(20)]
    assert made == [two.new("a") for _ in range(20)]
    assert made == sorted(made)
    assert len(set(made)) == 20


def test_another_seed_makes_other_identifiers() -> None:
    assert SeededIds(1).new("a") != SeededIds(2).new("a")


def test_seeded_identifiers_are_the_same_in_every_process_and_version() -> None:
    ids = SeededIds(42)
    assert [ids.new("intent"), ids.new("case")] == [
        "intent_00000000000176679c80317fa3b1799d",
        "case_0000000000027eb186685257bdd640fb",
    ]


CHECKS: list[Callable[[str], str]] = [customer_id, idempotency_key]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("text", ["u", "user_1", "cart-42", "Zoë", "a" * 255, "org:7/user:9", "a b"])
def test_the_applications_identifiers_pass_unchanged(check: Callable[[str], str], text: str) -> None:
    assert check(text) == text


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        " xyzzy",
        "xyzzy ",
        "xyzzy\n",
        "xyzzy\x00",
        "xyzzy\ud800",
        "xyzzy\x7f",
        "xyzzy" * 51 + "x",
        "xyzzy" * 2_000,
        None,
        7,
        b"xyzzy",
    ],
)
def test_bad_identifiers_are_refused_and_not_quoted(check: Callable[[str], str], text: object) -> None:
    with pytest.raises(InvalidArgument) as told:
        check(text)  # type: ignore[arg-type]
    assert "xyzzy" not in str(told.value)


def test_the_error_names_the_argument() -> None:
    with pytest.raises(InvalidArgument, match=r"^customer is empty"):
        customer_id("")
    with pytest.raises(InvalidArgument, match=r"^idempotency_key is empty"):
        idempotency_key("")
