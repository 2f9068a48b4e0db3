"""A router leaves out what cannot, or must not, take a checkout."""

from __future__ import annotations

from purchase_contract_tests.contract import promise
from purchase_contract_tests.router.base import RouterPromises
from purchase_contract_tests.router.samples import ELSEWHERE, EXCLUDED, ONE, PLAIN, REQUESTS, UNABLE, UNFIT
from purchase_core.ports.router import Candidate, Router


class Exclusions(RouterPromises):
    """What is said of a candidate before the decision."""

    @promise
    async def what_a_plugin_excluded_stays_out_in_its_words(self, router: Router) -> None:
        for request in REQUESTS:
            decision = router.decide(request, (ONE, EXCLUDED))
            assert EXCLUDED.connection not in decision.order
            reasons = {one.connection: one.excluded for one in decision.verdicts}
            assert reasons[EXCLUDED.connection] == "closed for the day"

    @promise
    async def who_lacks_a_capability_stays_out(self, router: Router) -> None:
        self._stays_out(router, UNABLE)

    @promise
    async def who_is_unfit_for_this_checkout_stays_out(self, router: Router) -> None:
        self._stays_out(router, UNFIT)

    @promise
    async def who_does_not_sell_in_the_currency_stays_out(self, router: Router) -> None:
        self._stays_out(router, ELSEWHERE)

    @staticmethod
    def _stays_out(router: Router, candidate: Candidate) -> None:
        for request in REQUESTS:
            for others in ((), (ONE,)):
                assert candidate.connection not in router.decide(request, (*others, candidate)).order
        assert ONE.connection in router.decide(PLAIN, (ONE, candidate)).order
