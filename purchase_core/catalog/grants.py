"""Grants: what an offer gives. One shape each; stored with the offer version that was sold."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

Reset: TypeAlias = Literal["day", "week", "month", "year", "never"]

RESETS: tuple[Reset, ...] = ("day", "week", "month", "year", "never")


class FlagGrant(msgspec.Struct, frozen=True, tag="flag"):
    """The feature is there."""

    feature: str


class QuotaGrant(msgspec.Struct, frozen=True, tag="quota"):
    """`limit` of something in each window that `reset` opens, by the clocks of `zone` (UTC where unsaid)."""

    feature: str
    limit: int
    reset: Reset
    zone: str | UnsetType = UNSET

    @property
    def said_zone(self) -> str:
        """Whose calendar counts, said or not."""
        return "UTC" if self.zone is UNSET else self.zone


class CreditTerms(msgspec.Struct, frozen=True):
    """What becomes of credits that come with each period of a subscription.

    `rolls_over`: they last to the end of the period that they are granted for, and so many periods more
    (None: as long as `expires_days` says). `trial_amount`: so many for a trial. `when_free`: whether a period
    that cost nothing grants them, as with a discount of 100 %.
    """

    rolls_over: int | None = None
    trial_amount: int = 0
    when_free: bool = True


PLAIN = CreditTerms()


class CreditGrant(msgspec.Struct, frozen=True, tag="credits"):
    """`amount` credits of a unit for each one paid; they expire after `expires_days` (0 = never).

    Plain terms are not written down: they were what a grant meant before there were others.
    """

    unit: str
    amount: int
    expires_days: int = 0
    terms: CreditTerms | UnsetType = UNSET

    @property
    def said_terms(self) -> CreditTerms:
        """Its terms, said or not."""
        return PLAIN if self.terms is UNSET else self.terms


class LicenceGrant(msgspec.Struct, frozen=True, tag="licence"):
    """`count` seats for each one paid."""

    feature: str
    count: int


# msgspec tells the members of a union apart by tag only where they are Structs, not attrs classes.
Grant: TypeAlias = FlagGrant | QuotaGrant | CreditGrant | LicenceGrant


def name_of(grant: Grant) -> str:
    """The feature or credit unit that a grant is of."""
    return grant.unit if isinstance(grant, CreditGrant) else grant.feature
