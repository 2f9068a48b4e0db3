"""What a router records can be read, says what it was asked, and names by what it decided."""

from __future__ import annotations

from purchase_contract_tests.contract import promise
from purchase_contract_tests.router.base import RouterPromises
from purchase_contract_tests.router.samples import everything, ordinary
from purchase_core.ports.router import Router, decode_decision


class Record(RouterPromises):
    """`RoutingDecision` as it is stored."""

    @promise
    async def it_records_what_it_was_asked(self, router: Router) -> None:
        for request, candidates in everything():
            decision = router.decide(request, candidates)
            assert decision.request == request
            assert decision.candidates == candidates

    @promise
    async def what_is_stored_can_be_read_again(self, router: Router) -> None:
        for request, candidates in everything():
            decision = router.decide(request, candidates)
            assert decode_decision(decision.encode()) == decision

    @promise
    async def it_names_itself_and_its_policy(self, router: Router) -> None:
        assert router.policy, "a router's configuration has a hash"
        for question in ordinary():
            decision = router.decide(*question)
            assert (decision.router, decision.policy) == (router.name, router.policy)

    @promise
    async def the_same_configuration_has_the_same_name(self, router: Router) -> None:
        other = self.router()
        assert (other.policy, other.document) == (router.policy, router.document)
