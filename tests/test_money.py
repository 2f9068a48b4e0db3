"""Money: exact, bounded, and refusing whatever is not plainly an amount of a known currency."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from purchase_core.currencies import DECIMALS
from purchase_core.errors import InvalidArgument, InvalidMoney
from purchase_core.money import MINOR_MAX, Money, money_of

minors = st.integers(-MINOR_MAX, MINOR_MAX)
small_minors = st.integers(-(10**12), 10**12)
currencies = st.sampled_from(sorted(DECIMALS))


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("12.00", "USD", 1200),
        ("12", "USD", 1200),
        ("12.5", "USD", 1250),
        ("0.01", "EUR", 1),
        ("-0.01", "EUR", -1),
        ("-0.00", "EUR", 0),
        ("1200", "JPY", 1200),
        ("1.234", "KWD", 1234),
        ("1.2", "KWD", 1200),
        ("1.0001", "CLF", 10001),
        ("90071992547409.91", "USD", MINOR_MAX),
        ("-9007199254740991", "JPY", -MINOR_MAX),
    ],
)
def test_a_decimal_string_becomes_minor_units(amount: str, currency: str, minor: int) -> None:
    assert Money(amount, currency).minor == minor
    assert Money(amount, currency) == Money.of_minor(minor, currency)


@pytest.mark.parametrize(
    "amount",
    [
        "", " ", ".", "-", ".5", "5.", "1.005", "1e3", "1E3", "+1", "--1", " 1", "1 ", "1\n",
        "1_000", "1,000", "1.0.0", "0x10", "NaN", "Infinity", "-inf", "None", "\u0661", "\uff11",
        "1.\u0662", "\u22121", "1\x00", "12345678901234567", "90071992547409.92", "-90071992547409.92",
    ],
)  # fmt: skip
def test_what_is_not_plainly_an_amount_is_refused(amount: str) -> None:
    with pytest.raises(InvalidMoney):
        Money(amount, "USD")


@pytest.mark.parametrize(("amount", "currency"), [("1.0", "JPY"), ("1.001", "USD"), ("1.0001", "BHD")])
def test_more_decimals_than_the_currency_has_are_refused_even_zeros(amount: str, currency: str) -> None:
    with pytest.raises(InvalidMoney, match="decimals"):
        Money(amount, currency)


@pytest.mark.parametrize("amount", [12, 12.0, True, None, Decimal("12.00"), b"12.00", float("nan")])
def test_f66_only_text_is_an_amount_and_the_error_is_a_type_error_too(amount: object) -> None:
    with pytest.raises(InvalidMoney) as told:
        Money(amount, "USD")  # type: ignore[arg-type]
    assert isinstance(told.value, TypeError)
    assert isinstance(told.value, ValueError)
    assert isinstance(told.value, InvalidArgument)
    assert "12.00" in told.value.hint


@pytest.mark.parametrize("minor", [1.0, True, "1", None, Decimal(1), MINOR_MAX + 1, -MINOR_MAX - 1])
def test_only_a_bounded_int_counts_minor_units(minor: object) -> None:
    with pytest.raises(InvalidMoney):
        Money.of_minor(minor, "USD")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "currency",
    ["", "usd", "Usd", "USD ", "US", "EURO", "XXX", "XAU", "ABC", "\uff35\uff33\uff24", None, 840, ["USD"]],
)
def test_an_unknown_currency_is_refused(currency: object) -> None:
    with pytest.raises(InvalidMoney, match="unknown currency"):
        Money("1", currency)  # type: ignore[arg-type]
    with pytest.raises(InvalidMoney, match="unknown currency"):
        Money.of_minor(1, currency)  # type: ignore[arg-type]


def test_an_error_does_not_repeat_endless_input() -> None:
    with pytest.raises(InvalidMoney) as amount:
        Money("9" * 10_000, "USD")
    with pytest.raises(InvalidMoney) as currency:
        Money("1", "X" * 10_000)
    assert len(str(amount.value)) < 100
    assert len(str(currency.value)) < 150


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (1200, "USD", "12.00 USD"),
        (5, "USD", "0.05 USD"),
        (-5, "USD", "-0.05 USD"),
        (0, "USD", "0.00 USD"),
        (1200, "JPY", "1200 JPY"),
        (0, "JPY", "0 JPY"),
        (1, "KWD", "0.001 KWD"),
        (-123456, "CLF", "-12.3456 CLF"),
    ],
)
def test_it_shows_all_the_decimals_of_its_currency(minor: int, currency: str, shown: str) -> None:
    assert str(Money.of_minor(minor, currency)) == shown


@given(minors, currencies)
def test_its_decimal_text_makes_the_same_money(minor: int, currency: str) -> None:
    money = Money.of_minor(minor, currency)
    assert Money(money.decimal, currency) == money
    assert Decimal(money.decimal) == Decimal(minor).scaleb(-DECIMALS[currency])


@given(small_minors, small_minors, small_minors)
def test_it_adds_up_as_integers_do(a: int, b: int, c: int) -> None:
    one, two, three = (Money.of_minor(minor, "EUR") for minor in (a, b, c))
    assert (one + two).minor == a + b
    assert (one - two).minor == a - b
    assert (-one).minor == -a
    assert (one + two) + three == one + (two + three)


@pytest.mark.parametrize("times", [0, 1, -3, 1000])
def test_it_is_multiplied_by_whole_numbers_from_either_side(times: int) -> None:
    assert Money("0.10", "USD") * times == times * Money("0.10", "USD") == Money.of_minor(10 * times, "USD")


@pytest.mark.parametrize("times", [1.0, 0.5, True, "2", None, Money("1", "USD")])
def test_it_is_multiplied_by_nothing_else(times: object) -> None:
    with pytest.raises(InvalidMoney):
        Money("1", "USD") * times  # type: ignore[operator]


def test_sums_and_products_beyond_the_bound_are_refused() -> None:
    most = Money.of_minor(MINOR_MAX, "USD")
    with pytest.raises(InvalidMoney, match="at most"):
        most + Money("0.01", "USD")
    with pytest.raises(InvalidMoney, match="at most"):
        -most - Money("0.01", "USD")
    with pytest.raises(InvalidMoney, match="at most"):
        most * 2


@given(small_minors, small_minors)
def test_it_is_ordered_within_a_currency(a: int, b: int) -> None:
    one, two = Money.of_minor(a, "USD"), Money.of_minor(b, "USD")
    assert (one < two, one <= two, one > two, one >= two, one == two) == (
        a < b,
        a <= b,
        a > b,
        a >= b,
        a == b,
    )


def test_two_currencies_are_unequal_and_never_mix() -> None:
    dollar, euro = Money("1.00", "USD"), Money("1.00", "EUR")
    assert dollar != euro
    assert len({dollar, euro, Money("1", "USD")}) == 2
    for mixed in (
        lambda: dollar + euro,
        lambda: dollar - euro,
        lambda: dollar < euro,
        lambda: dollar <= euro,
        lambda: dollar > euro,
        lambda: dollar >= euro,
    ):
        with pytest.raises(InvalidMoney, match=r"(USD and EUR|EUR and USD) do not mix"):
            mixed()


@pytest.mark.parametrize("other", [1, 1.0, "1.00", None])
def test_it_adds_to_and_compares_with_money_only(other: object) -> None:
    with pytest.raises(InvalidMoney, match="is not money"):
        Money("1", "USD") + other  # type: ignore[operator]
    with pytest.raises(InvalidMoney, match="is not money"):
        assert Money("1", "USD") < other  # type: ignore[operator]


@pytest.mark.parametrize(
    ("minor", "weights", "parts"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (-100, [1, 1, 1], [-34, -33, -33]),
        (5, [3, 7], [2, 3]),  # 1.5 and 3.5: equal remainders, the first gets the unit
        (5, [0, 1, 0], [0, 5, 0]),
        (0, [1, 2], [0, 0]),
        (1, [1, 2, 3], [0, 0, 1]),
        (10, [1], [10]),
    ],
)
def test_f68_largest_remainders_get_the_last_units(minor: int, weights: list[int], parts: list[int]) -> None:
    assert [part.minor for part in Money.of_minor(minor, "USD").allocate(weights)] == parts


@given(small_minors, st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(any))
def test_f68_parts_add_up_and_none_is_a_unit_away_from_its_share(minor: int, weights: list[int]) -> None:
    parts = [part.minor for part in Money.of_minor(minor, "USD").allocate(weights)]
    total = sum(weights)
    assert sum(parts) == minor
    assert all(
        abs(part * total - minor * weight) < total for part, weight in zip(parts, weights, strict=True)
    )


@pytest.mark.parametrize("weights", [[], [0], [0, 0], [-1], [2, -1], [-1, 2]])
def test_weights_that_share_nothing_are_refused(weights: list[int]) -> None:
    with pytest.raises(InvalidMoney):
        Money("1", "USD").allocate(weights)


def test_it_is_a_frozen_value_that_travels() -> None:
    money = Money("12.00", "USD")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        money.minor = 1  # type: ignore[misc]
    assert not hasattr(money, "__dict__")
    assert copy.deepcopy(money) == money
    assert pickle.loads(pickle.dumps(money)) == money  # noqa: S301  # our own bytes
    assert hash(copy.copy(money)) == hash(money)


@given(minors, currencies)
def test_msgspec_encodes_and_decodes_it(minor: int, currency: str) -> None:
    money = Money.of_minor(minor, currency)
    assert msgspec.json.decode(msgspec.json.encode(money), type=Money) == money


def test_f66_every_price_from_a_cent_to_a_hundred_is_exact() -> None:
    """Of these, 573 are wrong where cents go through floats."""
    for minor in range(1, 10_001):
        written = f"{minor // 100}.{minor % 100:02}"
        assert Money(written, "EUR").minor == minor
        assert str(Money.of_minor(minor, "EUR").decimal) == written
        with pytest.raises(TypeError):
            Money(minor / 100, "EUR")  # type: ignore[arg-type]


@given(st.sampled_from(sorted(DECIMALS)), st.integers(0, 10**12), st.integers(1, 60))
def test_f68_a_split_loses_no_unit_of_any_currency(currency: str, minor: int, parts: int) -> None:
    shares = [one.minor for one in Money.of_minor(minor, currency).allocate([1] * parts)]
    assert sum(shares) == minor
    assert max(shares) - min(shares) <= 1


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        (1_250, "EUR", "12.50 EUR"),
        (-5, "JPY", "-5 JPY"),
        (0, "", ""),
        (1_250, "ABC", "1250 ABC"),
        (7, "eur", "7 eur"),
    ],
)
def test_any_amount_can_be_shown_whatever_its_currency_is_called(
    amount: int, currency: str, shown: str
) -> None:
    assert money_of(amount, currency) == shown
