"""Grants: what an offer gives. One shape each; stored with the offer version that was sold."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Reset: TypeAlias = Literal["day", "week", "month", "year", "never"]

RESETS: tuple[Reset, ...] = ("day", "week", "month", "year", "never")


class FlagGrant(msgspec.Struct, frozen=True, tag="flag"):
    """The feature is there."""

    feature: str


class QuotaGrant(msgspec.Struct, frozen=True, tag="quota"):
    """`limit` of something in each window that `reset` opens."""

    feature: str
    limit: int
    reset: Reset


class CreditGrant(msgspec.Struct, frozen=True, tag="credits"):
    """`amount` credits of a unit for each one paid; they expire after `expires_days` (0 = never)."""

    unit: str
    amount: int
    expires_days: int = 0


class LicenceGrant(msgspec.Struct, frozen=True, tag="licence"):
    """`count` seats for each one paid."""

    feature: str
    count: int


# msgspec tells the members of a union apart by tag only where they are Structs, not attrs classes.
Grant: TypeAlias = FlagGrant | QuotaGrant | CreditGrant | LicenceGrant


def name_of(grant: Grant) -> str:
    """The feature or credit unit that a grant is of."""
    return grant.unit if isinstance(grant, CreditGrant) else grant.feature
