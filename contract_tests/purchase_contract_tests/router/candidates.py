"""A router chooses among those it is given."""

from __future__ import annotations

from purchase_contract_tests.contract import promise
from purchase_contract_tests.router.base import RouterPromises
from purchase_contract_tests.router.samples import everything
from purchase_core.ports.router import Router


class Candidates(RouterPromises):
    """`RoutingDecision.order`."""

    @promise
    async def it_never_adds_a_candidate(self, router: Router) -> None:
        for request, candidates in everything():
            assert set(router.decide(request, candidates).order) <= {one.connection for one in candidates}

    @promise
    async def it_names_each_candidate_once(self, router: Router) -> None:
        for request, candidates in everything():
            order = router.decide(request, candidates).order
            assert len(set(order)) == len(order)
