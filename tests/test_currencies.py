"""The table of currencies, against a second copy of ISO 4217 written out by number of decimals."""

from __future__ import annotations

import iso4217
import pytest

from purchase_core.currencies import DECIMALS

# ISO 4217 list one: every active code that does not have two decimals.
ZERO = {
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG",
    "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF",
}  # fmt: skip
THREE = {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}
FOUR = {"CLF", "UYW"}
NOT_SPENT = {"XAG", "XAU", "XPD", "XPT", "XBA", "XBB", "XBC", "XBD", "XDR", "XSU", "XUA", "XTS", "XXX"}


def test_the_codes_without_two_decimals_are_exactly_those_of_the_standard() -> None:
    by_decimals = {count: {code for code, found in DECIMALS.items() if found == count} for count in (0, 3, 4)}
    assert by_decimals == {0: ZERO, 3: THREE, 4: FOUR}
    assert set(DECIMALS.values()) == {0, 2, 3, 4}


def test_every_code_of_the_published_list_has_its_decimals() -> None:
    published = {
        currency.code: currency.exponent for currency in iso4217.Currency if currency.exponent is not None
    }
    assert dict(DECIMALS) == published


@pytest.mark.parametrize("code", sorted(NOT_SPENT))
def test_codes_that_nobody_pays_with_are_left_out(code: str) -> None:
    assert code not in DECIMALS


def test_codes_are_three_capitals_and_told_once() -> None:
    assert all(len(code) == 3 and code.isascii() and code.isalpha() and code.isupper() for code in DECIMALS)
    assert list(DECIMALS).count("USD") == 1


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        DECIMALS["USD"] = 3  # type: ignore[index]
