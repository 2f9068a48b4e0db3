"""Features: what can be granted. Calling one makes a grant, for a plan's `includes`."""

from __future__ import annotations

import attrs
from msgspec import UNSET

from purchase_core.catalog.grants import (
    PLAIN,
    CreditGrant,
    CreditTerms,
    FlagGrant,
    LicenceGrant,
    QuotaGrant,
    Reset,
)


@attrs.frozen
class Feature:
    """Something that is there or not."""

    name: str

    def __call__(self) -> FlagGrant:
        """The grant of it."""
        return FlagGrant(self.name)


@attrs.frozen
class QuotaFeature:
    """Something that is counted in windows."""

    name: str

    def __call__(self, *, limit: int, reset: Reset, zone: str = "UTC") -> QuotaGrant:
        """`limit` in each window; `reset`: day | week | month | year | never.

        `zone` is an IANA name such as Europe/Berlin: days, weeks, months and years are those of its clocks.
        """
        return QuotaGrant(self.name, limit, reset, UNSET if zone == "UTC" else zone)


@attrs.frozen
class CreditUnit:
    """Something that is bought in advance and spent. `unit` is what people call it."""

    name: str
    unit: str

    def __call__(
        self,
        *,
        amount: int,
        expires_days: int = 0,
        rolls_over: int | None = None,
        trial_amount: int = 0,
        when_free: bool = True,
    ) -> CreditGrant:
        """`amount` credits; they expire `expires_days` after the payment (0 = never).

        Of a subscription, whose every paid period grants them: `rolls_over` has them last to the end of that
        period and so many periods more, `trial_amount` are granted for a trial, and `when_free` says whether
        a period grants that cost nothing.
        """
        terms = CreditTerms(rolls_over, trial_amount, when_free)
        return CreditGrant(self.name, amount, expires_days, UNSET if terms == PLAIN else terms)


@attrs.frozen
class LicenceFeature:
    """Something that is held in seats."""

    name: str

    def __call__(self, *, count: int = 1) -> LicenceGrant:
        """`count` seats for each one paid."""
        return LicenceGrant(self.name, count)


def feature(name: str) -> Feature:
    """A flag: `export = feature("export")`, then `includes=[export()]`."""
    return Feature(name)


def quota(name: str) -> QuotaFeature:
    """A quota: `api = quota("api_calls")`, then `includes=[api(limit=100, reset="month")]`."""
    return QuotaFeature(name)


def credit_unit(name: str, *, unit: str = "credits") -> CreditUnit:
    """Credits: `ai = credit_unit("ai_credits")`, then `includes=[ai(amount=500, expires_days=365)]`."""
    return CreditUnit(name, unit)


def licence(name: str) -> LicenceFeature:
    """A licence: `seats = licence("seats")`, then `includes=[seats(count=5)]`."""
    return LicenceFeature(name)
