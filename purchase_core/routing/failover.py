"""Fail-over: when the next connection of a decision may be tried. Only at the creation of a session.

Nothing may have come of the first one: it was refused, or provably never sent, or its session has ended and
that is confirmed. A lost answer is none of these: then the second connection waits.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Literal

import attrs

from purchase_core.errors import (
    AuthenticationFailed,
    OutcomeUnknown,
    ProviderError,
    ProviderRefused,
)
from purchase_core.ports.router import NONE_FITS, POLICY_CHANGED, Router, RoutingDecision


@attrs.frozen
class FailoverPolicy:
    """What may be tried after what. The defaults never risk two payments for one checkout.

    `attempts_max`: connections tried for one checkout. `on_refusal`, `on_unavailable`: the "next" connection,
    or not. `on_unknown`: "wait", or "tell" the customer that it is not known whether a page was opened.
    `on_policy_change`: whether to "follow" a decision of a policy that is no longer in force, or "stop".
    `unexpirable`: whether a page that the provider cannot close is "withdrawn", or switching "refused".
    """

    attempts_max: int = 3
    on_refusal: Literal["next", "stop"] = "next"
    on_unavailable: Literal["next", "stop"] = "next"
    on_unknown: Literal["wait", "tell"] = "wait"
    on_policy_change: Literal["stop", "follow"] = "stop"
    unexpirable: Literal["withdraw", "refuse"] = "withdraw"


@attrs.frozen
class Next:
    """The connection to try, or (where it is "") why none is: in words, and as the `kind` of a NoRoute.

    `left`: there are others in the decision that were not tried.
    """

    connection: str = ""
    why_none: str = ""
    kind: str = NONE_FITS
    left: bool = False


def proves_nothing_happened(error: ProviderError, *, fresh: bool, sent: bool) -> bool:
    """Whether no session can have come of the attempt.

    `fresh`: nobody has tried this attempt before, in any process. `sent`: the request that opens a session
    has gone out; what came before it opens none.
    """
    if isinstance(error, AuthenticationFailed):
        return fresh  # says nothing of what an earlier try has done
    if isinstance(error, ProviderRefused):
        return True
    if isinstance(error, OutcomeUnknown):
        return fresh and not sent
    return fresh


@attrs.frozen
class Failover:
    """The policy, over the connections that are `configured` and the `router` that is in force."""

    policy: FailoverPolicy
    configured: Container[str]
    router: Router

    def allowed(self, error: ProviderError) -> bool:
        """Whether the policy wants the next connection after this error."""
        refused = isinstance(error, ProviderRefused) and not isinstance(error, AuthenticationFailed)
        return (self.policy.on_refusal if refused else self.policy.on_unavailable) == "next"

    def following(self, decision: RoutingDecision, tried: tuple[str, ...]) -> Next:
        """The next connection in the decision's order that was not tried."""
        left = [one for one in decision.order if one not in tried]
        if len(tried) >= self.policy.attempts_max:
            many = "1 connection was" if len(tried) == 1 else f"{len(tried)} connections were"
            return Next(why_none=f"{many} tried, and the policy allows no more", left=bool(left))
        if not left:
            return Next(why_none="no other connection can take it")
        if decision.policy != self.router.policy and self.policy.on_policy_change == "stop":
            return Next(why_none="the policy has changed since it was routed", kind=POLICY_CHANGED, left=True)
        there = next((one for one in left if one in self.configured), "")
        return Next(there) if there else Next(why_none="the others are not configured any more", left=True)
