"""The scenario: what an application brings to a simulation. Every history of every seed is played with it."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from purchase_core.access.policy import AccessPolicy, AccessRules
from purchase_core.catalog.catalog import Catalog
from purchase_core.instants import SECOND
from purchase_core.testing.sales import CATALOG
from purchase_core.testing.simulation.oracle.orders import Rules, Terms

POLICIES = (
    AccessPolicy(),
    AccessPolicy(past_due_grace_seconds=0, renewal_slack_seconds=3_600),
    AccessPolicy(paused_grants=True, revoke_on_partial_refund=True),
    AccessPolicy(uncollected_grants=False, past_due_grace_seconds=3 * 86_400),
)
"""Policies that are tried where none is given."""


@attrs.frozen
class Scenario:
    """A catalog, a policy (None: several in turn) and the sizes of a history.

    `steps_max`: how many steps a history has at most; `customers`: how many people there are.
    """

    catalog: Catalog = CATALOG
    policy: AccessPolicy | None = None
    steps_max: int = 16
    customers: int = 2

    def policy_of(self, number: int) -> AccessPolicy:
        """The policy of a history."""
        return self.policy or POLICIES[number % len(POLICIES)]

    def terms(self, policy: AccessPolicy) -> Terms:
        """The same, for the oracle."""
        versions = {version.hash: version for version in self.catalog.offers.values()}
        named: Mapping[str, AccessRules] = {"": policy, **policy.products}
        rules = {name: _plain(one) for name, one in named.items()}
        return Terms(versions, self.catalog.defaults, rules)


def _plain(rules: AccessRules) -> Rules:
    return Rules(
        rules.renewal_slack_seconds * SECOND,
        rules.past_due_grace_seconds * SECOND,
        rules.paused_grants,
        rules.uncollected_grants,
        rules.revoke_on_partial_refund,
    )
