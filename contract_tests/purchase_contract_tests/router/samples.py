"""Questions that a router may be asked: ordinary ones, and those at the edges."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from msgspec.structs import replace

from purchase_core.instants import Instant
from purchase_core.ports.provider import Capability
from purchase_core.ports.router import Agreement, Candidate, Evidence, Health, RouteRequest, Said

Question = tuple[RouteRequest, tuple[Candidate, ...]]

ABLE = tuple(sorted(one.value for one in Capability))
NOW = Instant(1_800_000_000_000_000)
PLAIN = RouteRequest(
    customer="user_1", offer="app:pro", product="subscription", currency="EUR", unit_amount=900, quantity=1,
    needs=("subscription_checkout",), links=(), at=NOW, key="checkout.start:cart-1",
)  # fmt: skip
ONE, TWO, THREE = (Candidate(name, name, "test", ABLE, None) for name in ("one", "two", "three"))
ALL = (ONE, TWO, THREE)
EXCLUDED = replace(TWO, said=(Said("audit", 5.0, "closed for the day"),))
UNABLE = replace(TWO, capabilities=("refund",))
UNFIT = replace(TWO, unfit="has no such discount")
ELSEWHERE = replace(TWO, currencies=("USD",))
DOWN = replace(TWO, health=Health("open", 9, 9))
SEEN = replace(
    THREE, health=Health("half_open", 30, 20, 400), evidence=Evidence(200, 150), said=(Said("audit", 1.5),)
)

REQUESTS = (
    PLAIN,
    replace(PLAIN, agreements=(Agreement("three", "EUR"),), links=("three",)),
    replace(PLAIN, country="DE", channel="web", attributes=(("seats", 3), ("staff", True), ("tier", "gold"))),
    replace(PLAIN, trial_days=14, needs=("subscription_checkout", "trial")),
    replace(PLAIN, links=("two",)),  # last, and other than the first: so that order of asking matters
)
EDGES = (
    replace(PLAIN, unit_amount=0),
    replace(PLAIN, unit_amount=2**53 - 1, quantity=1_000_000),
    replace(PLAIN, key="", customer="\u202e\U0001f600", country="ZZ"),
    replace(PLAIN, links=("nowhere",), agreements=(Agreement("nowhere", "JPY"),)),
    replace(PLAIN, needs=("teleport",), currency="XXX"),
    replace(PLAIN, at=Instant(0)),
)
GROUPS = (ALL, (), (ONE,), (ONE, EXCLUDED), (ONE, UNABLE, THREE), (ELSEWHERE, ONE), (DOWN, SEEN), (EXCLUDED,))
EXTREME = (
    replace(ONE, said=(Said("audit", 1e308), Said("other", 1e308))),
    replace(TWO, said=(Said("audit", -1e308),), evidence=Evidence(2**40, 2**40)),
    replace(THREE, capabilities=(), currencies=(), health=Health("open", 0, 0, 10**9)),
)


def ordinary() -> Iterator[Question]:
    """Questions as they come."""
    yield from product(REQUESTS, GROUPS)


def everything() -> Iterator[Question]:
    """Those at the edges as well."""
    yield from ordinary()
    yield from product(EDGES, (*GROUPS, EXTREME))


def many(count: int) -> tuple[Candidate, ...]:
    """So many candidates."""
    return tuple(replace(ONE, connection=f"connection-{number}") for number in range(count))
