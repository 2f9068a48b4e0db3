"""Dialects: in what Stripe and Paddle differ, as far as an application can notice."""

from __future__ import annotations

import attrs

from purchase_core.instants import SECOND
from purchase_core.ports.provider import Capabilities, Capability

BOTH = frozenset(
    {
        Capability.SUBSCRIPTION_CHECKOUT,
        Capability.ONE_TIME_CHECKOUT,
        Capability.GUEST_CHECKOUT,
        Capability.QUANTITY,
        Capability.TRIAL,
        Capability.CANCEL_NOW,
        Capability.CANCEL_AT_PERIOD_END,
        Capability.UNCANCEL,
        Capability.CHANGE_SUBSCRIPTION,
        Capability.CHANGE_ON_NEXT_INVOICE,
        Capability.CHANGE_WITHOUT_PRORATION,
        Capability.PAUSE,
        Capability.REFUND,
        Capability.PARTIAL_REFUND,
        Capability.DISPUTES,
        Capability.LIST_EVENTS,
        Capability.LIST_OBJECTS,
    }
)


@attrs.frozen
class Dialect:
    """How a provider is made.

    `resolution`: of the times on the wire, in microseconds. `lag`: how long after its making an object cannot
    be found by looking for it. `bare`: refunds and disputes are told without their invoice. `joint`: a
    checkout and its first bill are one object, with one id.
    """

    name: str
    capabilities: Capabilities
    resolution: int
    bare: bool
    joint: bool
    exhausted: tuple[str, ...]  # what becomes of a subscription that nobody pays for

    def can(self, capability: Capability) -> bool:
        """Whether the provider is capable of it."""
        return capability in self.capabilities.declared


STRIPE_SHAPED = Dialect(
    "stripe-shaped",
    Capabilities(
        BOTH
        | {
            Capability.EXPIRE_CHECKOUT,
            Capability.CHECKOUT_EXPIRY,
            Capability.CHANGE_AT_PERIOD_END,
            Capability.PAUSE_COLLECTION,
            Capability.DISPUTE_LOSSES,
        },
        key_lifetime_seconds=86_400,
    ),
    resolution=SECOND,
    bare=True,
    joint=False,
    exhausted=("canceled", "unpaid"),
)
"""Several events a payment, times in whole seconds and no versions, pages that can be closed, keys."""

PADDLE_SHAPED = Dialect(
    "paddle-shaped",
    Capabilities(
        BOTH,
        key_lifetime_seconds=0,
        refund_approval=True,
        unique_emails=True,
        price_trials=True,
        merchant_of_record=True,
    ),
    resolution=1,
    bare=False,
    joint=True,
    exhausted=("canceled", "paused"),
)
"""A payment that is first paid and then completed, microseconds, no keys, refunds that wait for approval."""
