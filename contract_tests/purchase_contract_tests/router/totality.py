"""A router answers whatever it is asked."""

from __future__ import annotations

from purchase_contract_tests.contract import promise
from purchase_contract_tests.router.base import RouterPromises
from purchase_contract_tests.router.samples import EDGES, EXCLUDED, PLAIN, everything
from purchase_core.ports.router import Router, RoutingDecision


class Totality(RouterPromises):
    """`decide` never raises, and never leaves it open."""

    @promise
    async def every_question_gets_a_decision(self, router: Router) -> None:
        for request, candidates in everything():
            assert isinstance(router.decide(request, candidates), RoutingDecision)

    @promise
    async def where_nobody_can_it_says_so_and_why(self, router: Router) -> None:
        for request in (PLAIN, *EDGES):
            for candidates in ((), (EXCLUDED,)):
                decision = router.decide(request, candidates)
                assert decision.order == ()
                assert decision.refused, "an empty order needs a word for it"

    @promise
    async def where_somebody_can_nothing_is_refused(self, router: Router) -> None:
        for request, candidates in everything():
            decision = router.decide(request, candidates)
            assert bool(decision.refused) == (not decision.order)
