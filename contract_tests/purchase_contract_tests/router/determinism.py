"""The same question gets the same answer: in any process, after any other question, at any time."""

from __future__ import annotations

import random
from itertools import count
from unittest.mock import patch

from purchase_contract_tests.contract import promise
from purchase_contract_tests.router.base import RouterPromises
from purchase_contract_tests.router.samples import everything, ordinary
from purchase_core.ports.router import Router, decode_decision

CLOCKS = ("time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter")


class Determinism(RouterPromises):
    """`Router.decide` is a function of its arguments and its configuration."""

    @promise
    async def the_same_question_gets_the_same_bytes(self, router: Router) -> None:
        for request, candidates in everything():
            first = router.decide(request, candidates).encode()
            assert router.decide(request, candidates).encode() == first

    @promise
    async def what_was_asked_before_plays_no_part(self, router: Router) -> None:
        questions, other = list(ordinary()), self.router()
        forwards = [router.decide(*one).encode() for one in questions]
        backwards = [other.decide(*one).encode() for one in reversed(questions)]
        assert backwards[::-1] == forwards

    @promise
    async def another_instance_answers_alike(self, router: Router) -> None:
        other = self.router()
        for question in ordinary():
            assert other.decide(*question).encode() == router.decide(*question).encode()

    @promise
    async def what_was_recorded_is_decided_alike(self, router: Router) -> None:
        """Equal inputs, other objects."""
        for question in ordinary():
            data = router.decide(*question).encode()
            recorded = decode_decision(data)
            assert router.decide(recorded.request, recorded.candidates).encode() == data

    @promise
    async def it_asks_no_clock_and_draws_no_lots_of_its_own(self, router: Router) -> None:
        request, candidates = next(ordinary())
        calm = router.decide(request, candidates).encode()
        for seed in range(20):
            random.seed(seed)
            ticks = count(seed * 1_000_000_007, 86_400)
            patches = [patch(name, lambda: next(ticks)) for name in CLOCKS]  # noqa: B023  # used within the turn
            for one in patches:
                one.start()
            try:
                assert router.decide(request, candidates).encode() == calm
            finally:
                for one in patches:
                    one.stop()
