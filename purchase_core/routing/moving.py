"""Moving: the policy by which a customer goes to another connection, for good."""

from __future__ import annotations

import attrs

from purchase_core.ports.router import Router
from purchase_core.routing.policy import Difference, Policy, Rule, Stickiness
from purchase_core.routing.router import PolicyRouter

ASKS_FOR_A_CARD: Difference = "trial"


def moving_router(live: Router, to: str) -> PolicyRouter:
    """Decides for one connection, if it can take it, by what the policy in force says of connections.

    What keeps a customer where they are does not count, nor what would send them anywhere else; that a card
    is asked for before the trial is what it is for.
    """
    base = live.by if isinstance(live, PolicyRouter) else Policy()
    allow = tuple(dict.fromkeys((*base.sameness.allow, ASKS_FOR_A_CARD)))
    return PolicyRouter(
        Policy(
            name=f"{base.name}: move to {to}",
            connections=base.connections,
            rules=(Rule("move", only=(to,)),),
            stickiness=Stickiness(agreement="ignore", link="ignore"),
            sameness=attrs.evolve(base.sameness, allow=allow),
            health=base.health,
            unknown_country=base.unknown_country,
        )
    )
