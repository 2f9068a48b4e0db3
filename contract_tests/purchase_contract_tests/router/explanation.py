"""A router explains: each candidate has a verdict, and whoever is left out a reason."""

from __future__ import annotations

from purchase_contract_tests.contract import promise
from purchase_contract_tests.router.base import RouterPromises
from purchase_contract_tests.router.samples import everything
from purchase_core.ports.router import Router


class Explanation(RouterPromises):
    """`RoutingDecision.verdicts`."""

    @promise
    async def each_candidate_has_a_verdict_in_its_place(self, router: Router) -> None:
        for request, candidates in everything():
            verdicts = router.decide(request, candidates).verdicts
            assert [one.connection for one in verdicts] == [one.connection for one in candidates]

    @promise
    async def whoever_is_left_out_has_a_reason(self, router: Router) -> None:
        for request, candidates in everything():
            decision = router.decide(request, candidates)
            for one in decision.verdicts:
                assert one.excluded or one.connection in decision.order, one.connection

    @promise
    async def whoever_has_a_reason_is_left_out(self, router: Router) -> None:
        for request, candidates in everything():
            decision = router.decide(request, candidates)
            for one in decision.verdicts:
                assert not (one.excluded and one.connection in decision.order), one.connection
