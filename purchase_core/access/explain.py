"""Why a customer has a feature, or has not: everything that could grant it, and what became of it. Pure.

Read from the rows of the projection and from nothing else, so that it says what is, also where the live
document should say otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs

from purchase_core.access.evaluate import granted_until, refunded, stands_back, unpaid_since
from purchase_core.access.live import EMPTY, Live, exchange
from purchase_core.access.policy import AccessPolicy
from purchase_core.access.purse import NONE_DRAWN
from purchase_core.catalog.versions import OfferVersion
from purchase_core.facts.reading import ENDED_SUBSCRIPTIONS
from purchase_core.facts.rows import IntentRow, LotRow, PurchaseRow, Row, SubscriptionRow
from purchase_core.instants import Instant


@attrs.frozen
class Reason:
    """Something that grants the feature, or would.

    `about` is the key of the row that it is about ("" for a default plan), `root` that of its cluster, under
    which its facts are found. `until`: when it stops granting by itself.
    """

    grants: bool
    offer: str
    version: str
    why: str
    about: str = ""
    root: str = ""
    until: Instant | None = None


@attrs.frozen
class Explanation:
    """Whether a feature is granted at an instant, and everything that bears on it; what grants comes first.

    `sold_in` are offers of today's catalog that have it. `policy` is the access policy's hash.
    """

    feature: str
    at: Instant
    granted: bool
    reasons: tuple[Reason, ...]
    sold_in: tuple[str, ...]
    policy: str


def explain(
    feature: str,
    rows: Sequence[Row],
    policy: AccessPolicy,
    offers: Mapping[str, OfferVersion],
    catalog: Sequence[OfferVersion],
    defaults: Sequence[OfferVersion],
    at: Instant,
    *,
    drawn: Mapping[str, int] = NONE_DRAWN,
    spendable: Mapping[str, int] | None = None,
    live: Live | None = None,
    more: Sequence[Reason] = (),
) -> Explanation:
    """Everything that grants the feature at this instant, or could. `offers` holds each version in `rows`.

    `drawn` is what was taken of lots; `spendable` what can be spent of each unit, where that is known.
    `live` is the live document, where `rows` are not all (bills are missing); `more` is told as it is.
    """
    live = exchange(EMPTY, (), rows, now=at) if live is None else live
    held = [*_subscriptions(rows, live, policy, offers, at), *_purchases(rows, policy, offers)]
    groups = {offers[one.version].group for one in (*held, *more) if one.grants and one.version}
    found = [
        *(one for one in (*held, *_intents(rows, offers)) if has(offers[one.version], feature)),
        *_lots(feature, rows, offers, at, drawn, spendable is None or spendable.get(feature, 0) > 0),
        *more,
        *_defaults(feature, defaults, groups),
    ]
    return Explanation(
        feature,
        at,
        any(one.grants for one in found),
        tuple(sorted(found, key=lambda one: not one.grants)),
        tuple(offer.offer for offer in catalog if has(offer, feature)),
        policy.hash,
    )


def has(offer: OfferVersion, feature: str) -> bool:
    """Whether an offer version grants a feature, a quota, a licence or credits of this name."""
    return any(feature == getattr(grant, "feature", getattr(grant, "unit", "")) for grant in offer.grants)


def _subscriptions(
    rows: Sequence[Row],
    live: Live,
    policy: AccessPolicy,
    offers: Mapping[str, OfferVersion],
    at: Instant,
) -> Iterator[Reason]:
    for row in rows:
        offer = offers.get(row.version) if isinstance(row, SubscriptionRow) else None
        if not isinstance(row, SubscriptionRow) or offer is None:
            continue
        held = live.subscriptions.get(row.key)
        since = unpaid_since(live, row.key)
        until = granted_until(held, policy.of(offer.product_id), since) if held else None
        back = refunded(live, row.key, policy.of(offer.product_id))
        waits = stands_back(live, policy, offers, row.replaces, at)
        grants = until is not None and at < until and not (waits or back)
        why = f"takes the place of {row.replaces}, which still grants" if waits else _state(row, since)
        why += "; the payment of its period went back" if back else ""
        yield Reason(grants, offer.offer, row.version, why, row.key, row.root, until)


def _state(row: SubscriptionRow, unpaid_since: Instant | None) -> str:
    if row.status in ENDED_SUBSCRIPTIONS:
        return f"the subscription is {row.status}"
    if not row.bound:
        return f"the subscription is {row.status}, but its first payment is not what was ordered"
    if row.status == "past_due":
        return "the subscription is past due" + (" since its first failed bill" if unpaid_since else "")
    if not row.collecting:
        return f"the subscription is {row.status}, and not charged for a while"
    ending = ", and ends when its period does" if row.cancel_at else ""
    return f"the subscription is {row.status}{ending}"


def _purchases(
    rows: Sequence[Row], policy: AccessPolicy, offers: Mapping[str, OfferVersion]
) -> Iterator[Reason]:
    for row in rows:
        offer = offers.get(row.version) if isinstance(row, PurchaseRow) else None
        if not isinstance(row, PurchaseRow) or offer is None:
            continue
        left = row.paid - row.refunded - row.lost
        grants = policy.of(offer.product_id).keeps(row.due, left, row.lost)
        gone = f"{row.refunded} of {row.paid} went back" if row.refunded else ""
        lost = f"{row.lost} of {row.paid} were lost to a bank" if row.lost else ""
        why = "bought and paid" if left >= row.due else "bought; " + ", ".join(filter(None, (gone, lost)))
        yield Reason(grants, offer.offer, row.version, why, row.key, row.root)


def _lots(
    feature: str,
    rows: Sequence[Row],
    offers: Mapping[str, OfferVersion],
    at: Instant,
    drawn: Mapping[str, int],
    can_spend: bool,  # noqa: FBT001  # of one caller
) -> Iterator[Reason]:
    for row in rows:
        if not isinstance(row, LotRow) or row.unit != feature:
            continue
        expired = row.expires_at is not None and row.expires_at <= at
        taken = drawn.get(row.key, 0)
        left = row.granted - row.clawed - taken
        why = f"{row.granted} credits granted" + (f", {row.clawed} asked back" if row.clawed else "")
        why += f", {taken} spent or reserved" if taken else ""
        why += ", and as much is owed" if left > 0 and not (expired or can_spend) else ""
        offer = offers.get(row.version)
        yield Reason(
            left > 0 and can_spend and not expired,
            offer.offer if offer else "",
            row.version,
            why + (", expired" if expired else ""),
            row.key,
            row.root,
            row.expires_at,
        )


def _intents(rows: Sequence[Row], offers: Mapping[str, OfferVersion]) -> Iterator[Reason]:
    """Checkouts that led to nothing: what a customer means who says that they have paid."""
    for row in rows:
        offer = offers.get(row.version) if isinstance(row, IntentRow) else None
        if not isinstance(row, IntentRow) or row.status == "settled" or offer is None:
            continue
        wrong = row.status == "mismatched"
        why = "a checkout was paid, and not as it was ordered" if wrong else "a checkout is not paid"
        yield Reason(
            grants=False, offer=offer.offer, version=row.version, why=why, about=row.key, root=row.root
        )


def _defaults(feature: str, defaults: Sequence[OfferVersion], groups: set[str]) -> Iterator[Reason]:
    for offer in defaults:
        if has(offer, feature):
            counts = offer.group not in groups
            why = "everybody has it" if counts else "the customer has something else of its group"
            yield Reason(counts, offer.offer, offer.hash, f"default plan: {why}")
