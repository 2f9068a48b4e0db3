"""Money: an exact amount of a known currency, held in integer minor units."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import total_ordering

import attrs

from purchase_core.currencies import DECIMALS
from purchase_core.errors import InvalidMoney

MINOR_MAX = 2**53 - 1  # exact in every database and in JSON everywhere
_AMOUNT = re.compile(r"(-?)([0-9]{1,16})(?:\.([0-9]{1,4}))?", re.ASCII)


@total_ordering
@attrs.frozen(init=False, order=False)
class Money:
    """`Money("12.00", "USD")`: a decimal string and a currency code.

    `minor` counts the currency's smallest units (cents, yen, fils). Floats are refused, as are unknown
    currencies and more decimals than the currency has. Amounts compare and add up within a currency only.
    """

    minor: int
    currency: str

    def __init__(self, amount: str, currency: str) -> None:
        decimals = _decimals(currency)
        if not isinstance(amount, str):
            kind = type(amount).__name__
            raise InvalidMoney(
                f"an amount is a decimal string, not {kind}", hint='Write Money("12.00", "USD").'
            )
        matched = _AMOUNT.fullmatch(amount)
        if matched is None:
            raise InvalidMoney(f"not a decimal amount: {amount[:32]!r}")
        sign, whole, fraction = matched[1], matched[2], matched[3] or ""
        if len(fraction) > decimals:
            raise InvalidMoney(f"{currency} has {decimals} decimals, {amount!r} has {len(fraction)}")
        minor = int(whole) * 10**decimals + int(fraction.ljust(decimals, "0") or "0")
        self.__attrs_init__(_bounded(-minor if sign else minor), currency)

    @classmethod
    def of_minor(cls, minor: int, currency: str) -> Money:
        """An amount given in minor units. Raises InvalidMoney."""
        _decimals(currency)
        if type(minor) is not int:
            raise InvalidMoney(f"minor units are an int, not {type(minor).__name__}")
        money = cls.__new__(cls)
        money.__attrs_init__(_bounded(minor), currency)
        return money

    @property
    def decimal(self) -> str:
        """The amount as a decimal string, with all the currency's decimals: "12.00"."""
        decimals = DECIMALS[self.currency]
        sign, digits = "-" if self.minor < 0 else "", str(abs(self.minor)).rjust(decimals + 1, "0")
        return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}" if decimals else f"{sign}{digits}"

    def allocate(self, weights: Sequence[int]) -> tuple[Money, ...]:
        """Split by weights so that the parts add up exactly: largest remainders get the last units.

        Raises InvalidMoney if a weight is negative or all are zero.
        """
        total = sum(weights)
        if total <= 0 or min(weights) < 0:
            raise InvalidMoney("weights must not be negative, nor all zero")
        shares = [divmod(abs(self.minor) * weight, total) for weight in weights]
        left = abs(self.minor) - sum(whole for whole, _ in shares)
        by_remainder = sorted(range(len(shares)), key=lambda index: -shares[index][1])
        extra = set(by_remainder[:left])
        sign = -1 if self.minor < 0 else 1
        return tuple(
            Money.of_minor(sign * (whole + (index in extra)), self.currency)
            for index, (whole, _) in enumerate(shares)
        )

    def __add__(self, other: Money) -> Money:
        return Money.of_minor(self.minor + self._same(other).minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money.of_minor(self.minor - self._same(other).minor, self.currency)

    def __neg__(self) -> Money:
        return Money.of_minor(-self.minor, self.currency)

    def __mul__(self, count: int) -> Money:
        if type(count) is not int:
            raise InvalidMoney(f"money is multiplied by an int, not {type(count).__name__}")
        return Money.of_minor(self.minor * count, self.currency)

    __rmul__ = __mul__

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other).minor

    def __str__(self) -> str:
        return f"{self.decimal} {self.currency}"

    def _same(self, other: Money) -> Money:
        if not isinstance(other, Money):
            raise InvalidMoney(f"{type(other).__name__} is not money")
        if other.currency != self.currency:
            raise InvalidMoney(f"{self.currency} and {other.currency} do not mix")
        return other


def money_of(amount: int, currency: str) -> str:
    """An amount in minor units for people: "12.00 EUR"; "" where there is no currency. Raises nothing.

    A provider's word for a currency may be one that this code has never heard of: then it is "1200 ABC".
    """
    try:
        return str(Money.of_minor(amount, currency)) if currency else ""
    except InvalidMoney:
        return f"{amount} {currency}"


def _decimals(currency: str) -> int:
    if not isinstance(currency, str) or currency not in DECIMALS:
        shown = currency[:16] if isinstance(currency, str) else type(currency).__name__
        raise InvalidMoney(
            f"unknown currency {shown!r}", hint="Use an ISO 4217 code such as USD, in capitals."
        )
    return DECIMALS[currency]


def _bounded(minor: int) -> int:
    if abs(minor) > MINOR_MAX:
        raise InvalidMoney(f"an amount is at most {MINOR_MAX} minor units")
    return minor
