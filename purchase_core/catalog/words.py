"""An offer in words, for people."""

from __future__ import annotations

from purchase_core.catalog.grants import CreditGrant, Grant, LicenceGrant, QuotaGrant, name_of
from purchase_core.catalog.versions import OfferVersion


def prices(version: OfferVersion) -> str:
    """Its prices in every currency, and abroad."""
    abroad = "".join(f", {one.country} {one.price}" for one in version.countries)
    return (" or ".join(map(str, version.prices)) or "free") + abroad


def rhythm(version: OfferVersion) -> str:
    """How often it is paid, and what is free at first."""
    if not version.interval:
        return "once" if version.prices else "-"
    count = "" if version.interval_count == 1 else f"{version.interval_count} "
    trial = f", {version.trial_days} days free" if version.trial_days else ""
    return f"every {count}{version.interval}{trial}"


def granted(grant: Grant) -> str:
    """One thing that it grants, and how much of it."""
    name = name_of(grant)
    match grant:
        case QuotaGrant():
            return f"{name} {grant.limit:,}/{grant.reset}"
        case CreditGrant():
            return f"{name} {grant.amount:,} credits"
        case LicenceGrant():
            return f"{name} {grant.count:,} seats"
        case _:
            return name
