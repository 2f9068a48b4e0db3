"""The scenario: what an application brings to a simulation. Every history of every seed is played with it."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from purchase_core.access.policy import AccessPolicy, AccessRules
from purchase_core.catalog.catalog import Catalog
from purchase_core.catalog.features import credit_unit, feature, licence, quota
from purchase_core.catalog.products import credit_pack, one_time, plan, subscription
from purchase_core.instants import SECOND
from purchase_core.money import Money
from purchase_core.testing.simulation.oracle.orders import Rules, Terms

SHOP = Catalog(
    subscription(
        "app",
        plans=[
            plan("free", default=True, includes=[quota("api")(limit=10, reset="month")]),
            plan(
                "pro",
                price=Money("10.00", "EUR"),
                every="month",
                quantity=(1, 10),
                includes=[
                    feature("export")(),
                    quota("api")(limit=1_000, reset="month"),
                    credit_unit("ai")(amount=100, expires_days=30),
                    licence("seats")(count=2),
                ],
            ),
            plan(
                "team",
                price=Money("30.00", "EUR"),
                every="month",
                trial_days=14,
                quantity=(1, 10),
                includes=[
                    feature("audit")(),
                    quota("api")(limit=5_000, reset="day"),
                    credit_unit("ai")(amount=40),
                ],
            ),
        ],
    ),
    subscription(
        "backup",
        plans=[plan("weekly", price=Money("2.50", "EUR"), every="week", includes=[feature("backup")()])],
    ),
    one_time(
        "book",
        plans=[
            plan("full", price=Money("20.00", "EUR"), quantity=(1, 3), includes=[licence("reader")(count=1)])
        ],
    ),
    one_time("poster", plans=[plan("a2", price=Money("1900", "JPY"), includes=[feature("poster")()])]),
    credit_pack(
        "tokens",
        plans=[
            plan("small", price=Money("5.00", "EUR"), includes=[credit_unit("ai")(amount=500)]),
            plan(
                "brief", price=Money("1.00", "EUR"), includes=[credit_unit("ai")(amount=90, expires_days=9)]
            ),
        ],
    ),
)
"""What is sold where no catalog is given."""

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

    catalog: Catalog = SHOP
    policy: AccessPolicy | None = None
    steps_max: int = 14
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
