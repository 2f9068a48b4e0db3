"""A router's work is bounded. Counted in calls and not in seconds: those depend on the machine."""

from __future__ import annotations

import sys
from types import FrameType

from purchase_contract_tests.contract import promise
from purchase_contract_tests.router.base import RouterPromises
from purchase_contract_tests.router.samples import PLAIN, many
from purchase_core.ports.router import Router

CANDIDATES = 64
CALLS_MAX = 200_000  # of functions, for one decision


class TooMuchWork(AssertionError):
    """The router called more functions than a decision may take."""


class Bounds(RouterPromises):
    """How long `decide` may take."""

    @promise
    async def many_candidates_are_decided_in_bounded_work(self, router: Router) -> None:
        calls = 0

        def count(_frame: FrameType, event: str, _argument: object) -> None:
            nonlocal calls
            calls += event in ("call", "c_call")
            if calls > CALLS_MAX:
                sys.setprofile(None)
                raise TooMuchWork(f"more than {CALLS_MAX:,} calls for {CANDIDATES} candidates")

        before = sys.getprofile()
        sys.setprofile(count)
        try:
            decision = router.decide(PLAIN, many(CANDIDATES))
        finally:
            sys.setprofile(before)
        assert len(decision.verdicts) == CANDIDATES
