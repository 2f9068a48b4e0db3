"""Prices in words: as they should be, and as they are found."""

from __future__ import annotations

from purchase_core.money import Money
from purchase_core.ports.provider import ListedPrice, PriceRequest


def described(request: PriceRequest) -> str:
    """A price in words, as it should be."""
    amounts = [str(Money.of_minor(request.unit_amount, request.currency))]
    amounts += [
        f"{','.join(one.countries)} {Money.of_minor(one.unit_amount, one.currency)}".strip()
        for one in request.overrides
    ]
    return _words(" or ".join(amounts), request.interval, request.interval_count, request.trial_days)


def shown(price: ListedPrice) -> str:
    """A price in words, as it is there."""
    try:
        amount = str(Money.of_minor(price.unit_amount or 0, price.currency))
    except ValueError:  # a currency that we know nothing of
        amount = f"{price.unit_amount} {price.currency}"
    if price.unit_amount is None:
        amount = f"no single amount in {price.currency}"
    words = _words(amount, price.interval, price.interval_count, price.trial_days or 0)
    return words if price.active else f"{words} (archived)"


def _words(amount: str, interval: str, count: int, trial: int) -> str:
    rhythm = f" every {'' if count == 1 else f'{count} '}{interval}" if interval else " once"
    return f"{amount}{rhythm}{f', {trial} days free' if trial else ''}"
