"""The access policy, as data: what the states of the projection mean for a customer's rights."""

from __future__ import annotations

from collections.abc import Mapping

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
    nothing is left.
    """

    renewal_slack_seconds: int = DAY_SECONDS
    past_due_grace_seconds: int = 7 * DAY_SECONDS
    paused_grants: bool = False
    uncollected_grants: bool = True
    revoke_on_partial_refund: bool = False


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
