"""evaluate(live, policy, offers, defaults, at) -> Rights. Pure: the same arguments, the same rights.

Limits, licences and credits of several agreements add up; a flag is had once. A group's default plan
counts only while nothing else of its group grants. The reset of a quota is the shortest among its grants.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs

from purchase_core.access.live import Live, LiveLot, LiveSubscription
from purchase_core.access.policy import AccessPolicy
from purchase_core.access.rights import Quota, Rights
from purchase_core.catalog.versions import (
    CreditGrant,
    FlagGrant,
    Grant,
    LicenceGrant,
    OfferVersion,
    QuotaGrant,
)
from purchase_core.instants import SECOND, Instant

RESETS = ("day", "week", "month", "year", "never")  # shortest first


@attrs.define
class _Sum:
    """Grants being added up."""

    features: set[str] = attrs.Factory(set)
    quotas: dict[str, Quota] = attrs.Factory(dict)
    licences: dict[str, int] = attrs.Factory(dict)

    def add(self, grants: Sequence[Grant], quantity: int) -> None:
        for grant in grants:
            match grant:
                case FlagGrant():
                    self.features.add(grant.feature)
                case QuotaGrant():
                    self.quotas[grant.feature] = _widen(self.quotas.get(grant.feature), grant)
                case LicenceGrant():
                    held = self.licences.get(grant.feature, 0)
                    self.licences[grant.feature] = held + grant.count * quantity
                case CreditGrant():
                    pass  # credits come from lots, which payments make


def _widen(known: Quota | None, grant: QuotaGrant) -> Quota:
    if known is None:
        return Quota(grant.limit, grant.reset)
    return Quota(known.limit + grant.limit, min(known.reset, grant.reset, key=RESETS.index))


def evaluate(
    live: Live,
    policy: AccessPolicy,
    offers: Mapping[str, OfferVersion],
    defaults: Sequence[OfferVersion],
    at: Instant,
) -> Rights:
    """What the live part of a projection allows at an instant, and until when that holds by itself.

    `offers` holds every version that the document names; a version that is missing grants nothing.
    """
    total, groups, ends = _Sum(), set[str](), list[Instant]()
    for version, quantity in _granting(live, policy, at, ends):
        offer = offers.get(version)
        if offer is not None:
            total.add(offer.grants, quantity)
            groups.add(offer.group)
    for default in defaults:
        if default.group not in groups:
            total.add(default.grants, 1)
    balances = _credits(live.lots.values(), at, ends)
    return Rights(
        at=at,
        valid_until=min(ends, default=None),
        features=frozenset(total.features),
        quotas=total.quotas,
        credits=balances,
        licences=total.licences,
    )


def _granting(
    live: Live, policy: AccessPolicy, at: Instant, ends: list[Instant]
) -> Iterator[tuple[str, int]]:
    for key in sorted(live.subscriptions):
        subscription = live.subscriptions[key]
        end = granted_until(subscription, policy)
        if end is not None and at < end:
            ends.append(end)
            yield from subscription.items
    for key in sorted(live.purchases):
        purchase = live.purchases[key]
        if not (policy.revoke_on_partial_refund and purchase.left < purchase.due):
            yield purchase.version, purchase.quantity


def granted_until(subscription: LiveSubscription, policy: AccessPolicy) -> Instant | None:
    """When a subscription stops granting if nothing more is heard of it; None: it does not grant."""
    if not subscription.bound:
        return None
    slack, grace = policy.renewal_slack_seconds * SECOND, policy.past_due_grace_seconds * SECOND
    match subscription.status:
        case "trialing" | "active":
            end = subscription.period_end + slack
        case "past_due":
            end = subscription.period_start + grace
        case "paused" if policy.paused_grants:
            end = subscription.period_end + slack
        case _:
            return None
    for stop in (subscription.cancel_at, subscription.ended_at):
        if stop is not None:
            end = min(end, stop)
    return Instant(end)


def _credits(lots: Iterable[LiveLot], at: Instant, ends: list[Instant]) -> dict[str, int]:
    """Spendable credits: live lots less what refunds ask back, per unit, never below zero."""
    held: dict[str, int] = {}
    for lot in lots:
        if lot.expires_at is not None:
            if lot.expires_at <= at:
                continue
            ends.append(lot.expires_at)
        held[lot.unit] = held.get(lot.unit, 0) + lot.granted - lot.clawed
    return {unit: max(0, amount) for unit, amount in held.items()}
