"""The access policy, as data: what the states of the projection mean for a customer's rights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs

from purchase_core.canonical import content_hash

DAY_SECONDS = 86_400


@attrs.frozen
class AccessRules:
    """How observed state becomes rights.

    `renewal_slack_seconds`: how long after a period's end an active subscription still counts, while the
    news of its renewal is on the way. `past_due_grace_seconds`: how long after money was first asked for in
    vain (where the provider does not tell: after the start of the unpaid period). `paused_grants`: whether a
    paused subscription grants. `uncollected_grants`: whether one that is not charged for a while does.
    `revoke_on_partial_refund`: a purchase is lost as soon as less than its price is left; otherwise when
    nothing is left. `revoke_on_lost_dispute`: money that a bank took back counts as gone; otherwise as still
    there. `refund_ends_period`: whether a subscription stops granting when the payment of its current period
    goes back: never, when all of it did (full), or when any did (partial); the next period begins anew.
    """

    renewal_slack_seconds: int = DAY_SECONDS
    past_due_grace_seconds: int = 7 * DAY_SECONDS
    paused_grants: bool = False
    uncollected_grants: bool = True
    revoke_on_partial_refund: bool = False
    revoke_on_lost_dispute: bool = True
    refund_ends_period: Literal["never", "full", "partial"] = "never"

    def keeps(self, due: int, left: int, lost: int) -> bool:
        """Whether a purchase still grants of which so much was due, and so much is left and lost to banks."""
        there = left if self.revoke_on_lost_dispute else left + lost
        return there >= due or (there > 0 and not self.revoke_on_partial_refund)

    def revokes(self, *, whole: bool) -> bool:
        """Whether a subscription whose current payment went back, wholly or in part, grants no more."""
        return self.refund_ends_period == "partial" or (whole and self.refund_ends_period == "full")


@attrs.frozen
class AccessPolicy(AccessRules):
    """The rules of all products, and of single ones. Changing it changes reads, never what is stored."""

    products: Mapping[str, AccessRules] = attrs.Factory(dict)

    def of(self, product: str) -> AccessRules:
        """The rules of one product."""
        return self.products.get(product, self)

    @property
    def hash(self) -> str:
        """Identifies the policy in explanations."""
        return content_hash(self)
