"""A routing decision: 10 candidates, 10 to 1,000 rules; and a backtest of such decisions."""

from __future__ import annotations

import os
import time

from benchmarks.figures import median, spread
from purchase_core.config.policies import read_policy
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.router import Candidate, Evidence, Health, RouteRequest, RoutingDecision
from purchase_core.routing.backtest import Trial, backtest
from purchase_core.routing.cores import backtest_on_cores
from purchase_core.routing.router import PolicyRouter

RULES = (10, 100, 1_000)
CANDIDATES = 10
GOAL = "<= 50 µs (100 rules)"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def policy(rules: int) -> dict[str, object]:
    """As many rules as that, each on three attributes, a share, and every part of the score."""
    return {
        "rules": [
            {
                "name": f"rule {number}",
                "when": {
                    "country": LETTERS[number % 26] + LETTERS[number // 26 % 26],
                    "channel": ("app", "web")[number % 2],
                    "amount": {"least": number * 100, "most": number * 100 + 99},
                },
                "prefer": [f"connection-{number % CANDIDATES}"],
            }
            for number in range(rules)
        ],
        "share": {"connection-0": 60, "connection-1": 40},
        "score": {"success": 1.0, "cost": 1.0, "latency": 0.1},
        "connections": {
            f"connection-{number}": {"countries": ["DE", "FR"], "costs": [{"basis_points": 290, "fixed": 30}]}
            for number in range(CANDIDATES)
        },
    }


def questions(count: int) -> list[RouteRequest]:
    """Requests of other customers; some meet a rule."""
    return [
        RouteRequest(
            customer=f"user_{number}", offer="app:pro", product="subscription", currency="EUR",
            unit_amount=100 * (number % 200), quantity=1, needs=("subscription_checkout",), links=(),
            at=Instant(1_800_000_000 * SECOND), key=f"cart-{number}", country=("DE", "FR")[number % 2],
            channel=("app", "web")[number % 2],
        )
        for number in range(count)
    ]  # fmt: skip


def candidates() -> tuple[Candidate, ...]:
    """Ten connections, with evidence and health."""
    able = ("one_time_checkout", "quantity", "subscription_checkout", "trial")
    return tuple(
        Candidate(
            f"connection-{number}", "acme", "live", able, None,
            health=Health("closed", 30, 1, 200), evidence=Evidence(200, 150 + number),
        )
        for number in range(CANDIDATES)
    )  # fmt: skip


async def run(*, short: bool) -> None:
    """Print the tables."""
    rounds, count = (5, 400) if short else (15, 2_000)
    asked, among = questions(count), candidates()
    print(f"{CANDIDATES} candidates, {rounds} rounds of {count} decisions, one core\n")
    print("| rules | median of a decision | range of rounds | goal | loading the policy |")
    print("|---|---|---|---|---|")
    for rules in RULES:
        started = time.process_time()
        router = PolicyRouter(read_policy(policy(rules)))
        loaded = time.process_time() - started
        took = [_round(router, asked, among) for _ in range(rounds)]
        goal = GOAL if rules == 100 else "flat"
        print(f"| {rules:,} | {median(took):.1f} µs | {spread(took)} µs | {goal} | {loaded * 1e3:,.0f} ms |")
    router = PolicyRouter(read_policy(policy(100)))
    decisions = [router.decide(one, among) for one in asked]
    _backtest(router, decisions, rounds)
    _on_cores(router, decisions * (10 if short else 50))


def _round(router: PolicyRouter, asked: list[RouteRequest], among: tuple[Candidate, ...]) -> float:
    """The median decision of a round, in microseconds."""
    took = []
    for request in asked:
        started = time.perf_counter_ns()
        router.decide(request, among)
        took.append((time.perf_counter_ns() - started) / 1e3)
    return median(took)


def _backtest(router: PolicyRouter, decisions: list[RoutingDecision], rounds: int) -> None:
    """Processor time of a backtest, against that of the bare decisions in it, taking turns."""
    trials = [Trial(f"receipt-{n}", one, paid=n % 5 > 0) for n, one in enumerate(decisions)]
    whole, bare = [], []
    for _ in range(rounds):
        started = time.process_time()
        for one in trials:
            router.decide(one.decision.request, one.decision.candidates)
        between = time.process_time()
        backtest(router, trials)
        whole.append((time.process_time() - between) / len(trials) * 1e6)
        bare.append((between - started) / len(trials) * 1e6)
    ratio = 100 * median([b / a for a, b in zip(whole, bare, strict=True)])
    took = f"{median(whole):.1f} µs a decision, {median(bare):.1f} µs of it deciding"
    print(f"\nbacktest: {took}: {ratio:.0f} %")


def _on_cores(router: PolicyRouter, decisions: list[RoutingDecision]) -> None:
    """How many trials a second all cores get through, against as many cores that only decide."""
    trials = [Trial(f"receipt-{n}", one, paid=n % 5 > 0) for n, one in enumerate(decisions)]
    cores = os.cpu_count() or 1
    started = time.process_time()
    for one in trials:
        router.decide(one.decision.request, one.decision.candidates)
    bare, at, before = time.process_time() - started, time.perf_counter(), os.times()
    backtest_on_cores(router, trials, cores)
    took, after = time.perf_counter() - at, os.times()
    whole = sum(after[:4]) - sum(before[:4])  # of this process and those that it forked
    print(f"on {cores} cores: {100 * bare / whole:.0f} % of the processor time goes into deciding, ", end="")
    print(f"{len(trials) / took:,.0f} decisions a second, {100 * bare / took / cores:.0f} % of what is there")
