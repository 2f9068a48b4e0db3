"""The access policy, as data: what the states of the projection mean for a customer's rights."""

from __future__ import annotations

import attrs

from purchase_core.canonical import content_hash

DAY_SECONDS = 86_400


@attrs.frozen
class AccessPolicy:
    """How observed state becomes rights. Changing it changes reads, never what is stored.

    `renewal_slack_seconds`: how long after a period's end an active subscription still counts, while the
    news of its renewal is on the way. `past_due_grace_seconds`: how long after the start of an unpaid
    period. `paused_grants`: whether a paused subscription grants. `revoke_on_partial_refund`: a purchase
    is lost as soon as less than its price is left; otherwise when nothing is left.
    """

    renewal_slack_seconds: int = DAY_SECONDS
    past_due_grace_seconds: int = 7 * DAY_SECONDS
    paused_grants: bool = False
    revoke_on_partial_refund: bool = False

    @property
    def hash(self) -> str:
        """Identifies the policy in explanations."""
        return content_hash(self)
