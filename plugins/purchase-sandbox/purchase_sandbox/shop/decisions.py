"""Where checkouts went and why: every stored decision as a page, and what another policy would have done."""

from __future__ import annotations

import attrs
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from purchase_core.billing import Billing
from purchase_core.errors import NotFound
from purchase_core.instants import Instant
from purchase_core.reads.routed_outcomes import Outcome
from purchase_core.routing.decision_page import DECISION_STYLE, decision_section
from purchase_core.routing.policy import Policy, decode_policy
from purchase_core.routing.report import backtest_page
from purchase_core.routing.router import PolicyRouter

from .rendering import HEADERS, POLICY, Rendering
from .showing import moment

SHOWN_MAX = 100
PERCENT, OTHERS_PERCENT = 100, 20
REPORT_HEADERS = {**HEADERS, "Content-Security-Policy": f"{POLICY}; style-src 'self' 'unsafe-inline'"}


@attrs.frozen
class DecisionLine:
    """One decision in the list."""

    receipt: str
    when: str
    customer: str
    offer: str
    went: str
    why: str
    became: str


class DecisionPages:
    """The list, each decision, and a backtest of one connection taking all that it can."""

    def __init__(self, billing: Billing, rendering: Rendering) -> None:
        self._billing = billing
        self._rendering = rendering

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/decisions", self.list),
            Route("/decisions/{receipt}", self.show),
            Route("/backtest", self.backtest),
        ]

    async def list(self, request: Request) -> Response:
        """Every checkout that was routed, newest first."""
        found = await self._billing.routing.outcomes(Instant(0))
        newest = sorted(found, key=lambda one: (one.opened_at, one.receipt), reverse=True)[:SHOWN_MAX]
        names = list(self._billing.connections)
        return self._rendering.page(
            request, "decisions.html", decisions=[_line(one) for one in newest], connections=names
        )

    async def show(self, request: Request) -> Response:
        """One decision: what it looked at, who was left out and why, scores, and where it went."""
        try:
            receipt = await self._billing.receipts.get(request.path_params["receipt"])
        except NotFound as error:
            raise HTTPException(404, error.message) from None
        if receipt.decision is None:
            raise HTTPException(404, "Nothing was decided there.")
        section = decision_section(
            receipt.decision, receipt=receipt.id, connection=receipt.connection, stages=receipt.stages
        )
        answer = self._rendering.page(request, "decision.html", section=section, style=DECISION_STYLE)
        answer.headers.update(REPORT_HEADERS)
        return answer

    async def backtest(self, request: Request) -> Response:
        """What would have become of these checkouts, had one connection been preferred."""
        name = request.query_params.get("prefer", "")
        if name not in self._billing.connections:
            raise HTTPException(404, "There is no such connection.")
        router = PolicyRouter(self._mostly(name))
        found = await self._billing.routing.backtest(router, Instant(0))
        return HTMLResponse(backtest_page(found, since="the beginning"), headers=REPORT_HEADERS)

    def _mostly(self, name: str) -> Policy:
        """The policy in force, but for its shares: nearly all to one connection."""
        router = self._billing.routing.router
        policy = decode_policy(router.document) if isinstance(router, PolicyRouter) else Policy()
        others = [one for one in self._billing.connections if one != name]
        share = {one: OTHERS_PERCENT // len(others) for one in others}
        share[name] = PERCENT - sum(share.values())
        # The same salt: a customer moves only as far as the shares do.
        return attrs.evolve(policy, name=f"mostly {name}", salt=policy.salt or policy.name, share=share)


def _line(one: Outcome) -> DecisionLine:
    went = [attempt.connection for attempt in one.attempts if attempt.status != "refused"]
    decision = one.decision
    chosen = decision.order[0] if decision.order else ""
    moved = bool(went) and went[-1] != chosen
    return DecisionLine(
        receipt=one.receipt,
        when=moment(one.opened_at),
        customer=decision.request.customer,
        offer=decision.request.offer,
        went=went[-1] if went else "nowhere",
        why=f"{chosen} could not take it" if moved else decision.rule or "as the policy says",
        became="paid" if one.paid_at is not None else "open",
    )
