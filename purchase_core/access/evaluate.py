"""evaluate(live, policy, offers, defaults, at) -> Rights. Pure: the same arguments, the same rights.

Limits, licences and credits of several agreements add up; a flag is had once. A group's default plan
counts only while nothing else of its group grants. The reset of a quota is the shortest among its grants.
A subscription that takes the place of another one grants nothing while that one still does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs

from purchase_core.access.live import Live, LiveSubscription, counter_key
from purchase_core.access.policy import AccessPolicy, AccessRules
from purchase_core.access.purse import Purse, is_live
from purchase_core.access.rights import CALENDAR, Quota, Rights
from purchase_core.catalog.grants import RESETS, Reset
from purchase_core.catalog.versions import (
    CreditGrant,
    FlagGrant,
    Grant,
    LicenceGrant,
    OfferVersion,
    QuotaGrant,
)
from purchase_core.instants import SECOND, Instant

PAID_BEFORE_SECONDS = 3_600  # a period may be paid a little before it begins


@attrs.frozen
class _Held:
    """An offer version that is held: by how many agreements, and in what quantity by all of them.

    `anchor` is where the windows of its quotas are counted from.
    """

    version: str
    agreements: int
    quantity: int
    anchor: Instant = CALENDAR


@attrs.define
class _Sum:
    """Grants being added up."""

    features: set[str] = attrs.Factory(set)
    quotas: dict[str, Quota] = attrs.Factory(dict)
    licences: dict[str, int] = attrs.Factory(dict)

    def add(self, grants: Sequence[Grant], held: _Held) -> None:
        for grant in grants:
            match grant:
                case FlagGrant():
                    self.features.add(grant.feature)
                case QuotaGrant():
                    known = self.quotas.get(grant.feature)
                    self.quotas[grant.feature] = _widen(known, grant, held)
                case LicenceGrant():
                    seats = self.licences.get(grant.feature, 0)
                    self.licences[grant.feature] = seats + grant.count * held.quantity
                case CreditGrant():
                    pass  # credits come from lots, which payments make


def _widen(known: Quota | None, grant: QuotaGrant, held: _Held) -> Quota:
    """Limits add up. The shortest reset counts, of several the one of the oldest agreement."""
    limit = grant.limit * held.agreements
    mine = (grant.reset, held.anchor, grant.said_zone)
    if known is not None:
        limit += known.limit
        mine = min((known.reset, known.anchor, known.zone), mine, key=_precedence)
    reset, anchor, zone = mine
    return Quota(limit, reset, anchor, zone=zone)


def _precedence(counted: tuple[Reset, Instant, str]) -> tuple[int, bool, Instant, str]:
    reset, anchor, zone = counted
    return RESETS.index(reset), anchor == CALENDAR, anchor, zone


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
    for held in _granting(live, policy, offers, at, ends):
        offer = offers.get(held.version)
        if offer is not None:
            total.add(offer.grants, held)
            groups.add(offer.group)
    for default in defaults:
        if default.group not in groups:
            total.add(default.grants, _Held(default.hash, 1, 1))
    balances = _credits(live.purse, at, ends)
    quotas = {name: _counted(name, quota, live, at, ends) for name, quota in total.quotas.items()}
    return Rights(
        at=at,
        valid_until=min(ends, default=None),
        features=frozenset(total.features),
        quotas=quotas,
        credits=balances,
        licences=total.licences,
    )


def versions_of(live: Live) -> frozenset[str]:
    """Offer versions that `evaluate` will want."""
    items = (version for one in live.subscriptions.values() for version, _ in one.items)
    return frozenset([*items, *live.owned, *(one.version for one in live.partly_refunded.values())])


def _granting(
    live: Live,
    policy: AccessPolicy,
    offers: Mapping[str, OfferVersion],
    at: Instant,
    ends: list[Instant],
) -> Iterator[_Held]:
    for key, subscription in live.subscriptions.items():
        if stands_back(live, policy, offers, subscription.replaces, at):
            continue
        for version, quantity in subscription.items:
            end = _until(live, key, policy.of(_product(offers, version)))
            if end is not None and at < end:
                ends.append(end)
                yield _Held(version, 1, quantity, subscription.started_at)
    for version, owned in live.owned.items():
        yield _Held(version, owned.purchases, owned.quantity)
    for purchase in live.partly_refunded.values():
        rules = policy.of(_product(offers, purchase.version))
        if rules.keeps(purchase.due, purchase.left, purchase.lost):
            yield _Held(purchase.version, 1, purchase.quantity)


def _product(offers: Mapping[str, OfferVersion], version: str) -> str:
    offer = offers.get(version)
    return offer.product_id if offer else ""


def stands_back(
    live: Live, policy: AccessPolicy, offers: Mapping[str, OfferVersion], replaced: str, at: Instant
) -> bool:
    """Whether the subscription of this key still grants, so that the one in its place does not yet."""
    one = live.subscriptions.get(replaced) if replaced else None
    if one is None:
        return False
    ends = [_until(live, replaced, policy.of(_product(offers, version))) for version, _ in one.items]
    return any(end is not None and at < end for end in ends)


def _until(live: Live, subscription: str, rules: AccessRules) -> Instant | None:
    """When a live subscription stops granting by itself; None: it does not grant."""
    if refunded(live, subscription, rules):
        return None
    return granted_until(live.subscriptions[subscription], rules, unpaid_since(live, subscription))


def unpaid_since(live: Live, subscription: str) -> Instant | None:
    """When money for a subscription was first asked for in vain, as far as its open bills tell."""
    mine = (bill.since for bill in live.bills.values() if bill.subscription == subscription)
    return min((since for since in mine if since is not None), default=None)


def refunded(live: Live, subscription: str, rules: AccessRules) -> bool:
    """Whether the payment of a subscription's current period went back, as far as the rules mind."""
    if rules.refund_ends_period == "never":
        return False
    held = live.subscriptions.get(subscription)
    mine = (one for one in live.returned.values() if one.subscription == subscription)
    return held is not None and any(
        one.paid_at >= held.period_start - PAID_BEFORE_SECONDS * SECOND and rules.revokes(whole=one.whole)
        for one in mine
    )


def granted_until(
    subscription: LiveSubscription, rules: AccessRules, since: Instant | None = None
) -> Instant | None:
    """When a subscription stops granting if nothing more is heard of it; None: it does not grant.

    `since`: when money for it was first asked for in vain, if that is known.
    """
    if not subscription.bound or not (subscription.collecting or rules.uncollected_grants):
        return None
    slack, grace = rules.renewal_slack_seconds * SECOND, rules.past_due_grace_seconds * SECOND
    match subscription.status:
        case "trialing" | "active":
            end = subscription.period_end + slack
        case "past_due":
            end = (since or subscription.period_start) + grace
        case "paused" if rules.paused_grants:
            end = subscription.period_end + slack
        case _:
            return None
    for stop in (subscription.cancel_at, subscription.ended_at):
        if stop is not None:
            end = min(end, stop)
    return Instant(end)


def _counted(name: str, quota: Quota, live: Live, at: Instant, ends: list[Instant]) -> Quota:
    """The quota with what was used of it in the window that is open."""
    counter = live.counters.get(counter_key(name, quota.reset, quota.anchor, quota.zone))
    if counter is None or (counter.end is not None and counter.end <= at):
        return quota
    if counter.end is not None:
        ends.append(counter.end)
    return attrs.evolve(quota, used=counter.used)


def _credits(purse: Purse, at: Instant, ends: list[Instant]) -> dict[str, int]:
    """Spendable credits, per unit: what is owed is taken off, and nothing is below zero."""
    ends += (lot.expires_at for lot in purse.lots.values() if lot.expires_at is not None and is_live(lot, at))
    ends += (hold.until for hold in purse.holds.values() if at < hold.until)
    return {unit: purse.spendable(unit, at) for unit in sorted(purse.units())}
