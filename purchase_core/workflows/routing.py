"""Routing for people: why a checkout would go, or went, where it did; and whether that can be run again."""

from __future__ import annotations

import attrs
import msgspec
from msgspec.structs import replace

from purchase_core.canonical import canonical
from purchase_core.errors import NotFound
from purchase_core.facts.rows import IntentRow
from purchase_core.identifiers import IdSource
from purchase_core.instants import Clock, Instant
from purchase_core.ports.router import Health, Learning, Router, RoutingDecision, decode_decision, routed
from purchase_core.ports.store import Store
from purchase_core.reads.evidence import Counts, EvidenceBook
from purchase_core.reads.routed_outcomes import Outcome, RoutedOutcomes
from purchase_core.routing.backtest import Backtest, Trial
from purchase_core.routing.backtest import backtest as run_backtest
from purchase_core.routing.experiment import Experiment, Observed, experiment
from purchase_core.routing.policy import decode_policy
from purchase_core.routing.router import PolicyRouter
from purchase_core.workflows.adoption import Adoptions
from purchase_core.workflows.context import NO_CONTEXT, RouteContext
from purchase_core.workflows.order import checked_wish
from purchase_core.workflows.planning import Plan, Planner

NOWHERE = "https://example.invalid/"  # a question opens no page that could lead back


def trial_of(outcome: Outcome, now: Instant, horizon_hours: int) -> Trial:
    """An outcome as a backtest sees it."""
    result = outcome.result(now, horizon_hours)
    paid = None if result == "censored" else result == "paid"
    return Trial(outcome.receipt, outcome.decision, paid, outcome.refunded + outcome.disputed > 0)


def observed_of(outcome: Outcome, now: Instant, horizon_hours: int) -> Observed:
    """An outcome as an experiment sees it."""
    result = outcome.result(now, horizon_hours)
    paid = None if result == "censored" else result == "paid"
    return Observed(outcome.decision, paid, outcome.refunded > 0, outcome.disputed > 0, outcome.shadow)


@attrs.frozen
class Verification:
    """A recorded decision, run again. `same`: byte for byte. `differs` names the parts that do not agree.

    `why_not`: why it cannot be run again; "" where it was.
    """

    receipt: str
    policy: str
    recorded: RoutingDecision
    again: RoutingDecision | None
    same: bool
    differs: tuple[str, ...] = ()
    why_not: str = ""


class Routing:
    """Explains, verifies, and tells what came of decisions."""

    def __init__(
        self, store: Store, planner: Planner, evidence: EvidenceBook, clock: Clock, ids: IdSource
    ) -> None:
        self._store = store
        self._planner = planner
        self._evidence = evidence
        self._clock = clock
        self._ids = ids
        self._outcomes = RoutedOutcomes(store)
        self._adoptions = Adoptions(store, clock, ids)

    @property
    def router(self) -> Router:
        """The router that is in force."""
        return self._planner.router

    def health(self, connection: str) -> Health:
        """How a connection has fared lately, as this process has seen it."""
        return self._planner.health(connection, self._clock.now())

    async def explain(
        self,
        *,
        customer: str | None,
        offer: str,
        quantity: int = 1,
        currency: str = "",
        context: RouteContext = NO_CONTEXT,
        key: str = "",
    ) -> RoutingDecision:
        """Where such a checkout would go now, and why; None: of a guest. Nothing is written, nobody vetoes.

        `key` stands for the idempotency key, which seeds chance ("" = the customer's id). Raises what
        `checkout.start` raises for a wish that cannot be met; where nobody can take it, the order is empty.
        """
        wish = checked_wish(customer, offer, quantity, currency, NOWHERE, NOWHERE)
        plan: Plan = await self._planner.plan(wish, context, key or f"explain:{customer or ''}")
        return plan.decision

    async def verify(self, receipt: str) -> Verification:
        """Run a receipt's decision again, by its recorded inputs and policy. Raises NotFound."""
        command = await self._store.command_by_id(receipt)
        if command is None or not command.decision:
            raise NotFound(f"no receipt {receipt!r} with a routing decision")
        recorded = decode_decision(command.decision)
        router, why_not = await self._router_of(recorded)
        if router is None:
            return Verification(receipt, recorded.policy, recorded, None, same=False, why_not=why_not)
        again = replace(routed(router, recorded.request, recorded.candidates), troubles=recorded.troubles)
        return Verification(
            receipt,
            recorded.policy,
            recorded,
            again,
            same=again.encode() == command.decision,
            differs=tuple(
                name
                for name in RoutingDecision.__struct_fields__
                if canonical(getattr(again, name)) != canonical(getattr(recorded, name))
            ),
        )

    async def outcome(self, row: IntentRow) -> Outcome | None:
        """What became of one checkout; None where it was not routed."""
        return await self._outcomes.of(row)

    async def outcomes(self, since: Instant) -> list[Outcome]:
        """What became of the checkouts that were started since then, the oldest first."""
        return [one async for one in self._outcomes.since(since)][::-1]

    async def backtest(self, router: Router, since: Instant) -> Backtest:
        """What another router would have done over what was decided since then, and what is known of it."""
        return run_backtest(router, await self.trials(router, since))

    async def trials(self, router: Router, since: Instant) -> list[Trial]:
        """What was decided since then and came of it within the router's horizon, for a backtest."""
        now, horizon = self._clock.now(), router.learning.horizon_hours
        return [trial_of(one, now, horizon) for one in await self.outcomes(since)]

    async def experiment(self, since: Instant) -> Experiment:
        """What came of the arms of the policy in force since then, and what the shadow would have done.

        Checkouts that were routed by another policy do not count.
        """
        now, horizon, policy = self._clock.now(), self.router.learning.horizon_hours, self.router.policy
        outcomes = [one for one in await self.outcomes(since) if one.decision.policy == policy]
        return experiment(
            observed_of(one, now, horizon) for one in sorted(outcomes, key=lambda one: one.opened_at)
        )

    async def rates(self, learning: Learning | None = None) -> Counts:
        """Opened and paid, by connection and segment, as the router in force learns them."""
        return await self._evidence.counts(learning or self.router.learning, now=self._clock.now())

    async def _router_of(self, recorded: RoutingDecision) -> tuple[Router | None, str]:
        if recorded.router == self.router.name and recorded.policy == self.router.policy:
            return self.router, ""
        if recorded.router != PolicyRouter.name:
            return (
                None,
                f"router {recorded.router!r} with policy {recorded.policy or 'unnamed'} is not configured",
            )
        document = await self._adoptions.document(recorded.policy)
        if document is None:
            return None, f"policy {recorded.policy} is not kept"
        try:
            router = PolicyRouter(decode_policy(document))
        except msgspec.ValidationError:
            return None, f"policy {recorded.policy} cannot be read by this version"
        if router.policy != recorded.policy:
            return None, f"policy {recorded.policy} is kept under another content"
        return router, ""
