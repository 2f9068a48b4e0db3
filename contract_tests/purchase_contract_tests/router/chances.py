"""A router says how likely each choice was: without that, no other policy can be tried on what it did."""

from __future__ import annotations

from math import isclose

from purchase_contract_tests.contract import promise
from purchase_contract_tests.router.base import RouterPromises
from purchase_contract_tests.router.samples import everything
from purchase_core.ports.router import Router


class Chances(RouterPromises):
    """`Verdict.propensity`."""

    @promise
    async def chances_add_up_to_one_where_there_is_a_choice(self, router: Router) -> None:
        for request, candidates in everything():
            decision = router.decide(request, candidates)
            total = sum(one.propensity for one in decision.verdicts)
            assert isclose(total, 1.0 if decision.order else 0.0, abs_tol=1e-9)
            assert all(0.0 <= one.propensity <= 1.0 for one in decision.verdicts)

    @promise
    async def the_first_choice_had_a_chance(self, router: Router) -> None:
        for request, candidates in everything():
            decision = router.decide(request, candidates)
            chances = {one.connection: one.propensity for one in decision.verdicts}
            assert not decision.order or chances[decision.order[0]] > 0

    @promise
    async def whoever_is_left_out_had_none(self, router: Router) -> None:
        for request, candidates in everything():
            decision = router.decide(request, candidates)
            assert all(not one.propensity for one in decision.verdicts if one.excluded)
