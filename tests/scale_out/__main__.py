"""Scale-out: four processes on one Postgres under load, killed, held up and cut off; nothing may be lost.

    python dev.py scale-out --for 10m --rate 200
    python dev.py scale-out --for 2h --rate 500 --report waves.jsonl
    python dev.py scale-out --for 2h --rate 500 --report waves.jsonl --resume
    python dev.py scale-out --for 2m --bug forgets-the-fence

A sale is some five events. Waves of customers follow each other, each checked when it is over: against one
process that is told everything in order, and against what the provider was asked for. The process exits with
1 if there was a finding, with 2 if something that is needed is missing.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import re
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
import msgspec
import psycopg
from msgspec.structs import replace
from psycopg import sql

from purchase_core.ports.batch import Batch
from purchase_core.secret import Secret
from purchase_postgres.config import PostgresConfig
from purchase_postgres.store import PostgresStore
from purchase_postgres.testing import Server, Unavailable, debian, restartable, wheel
from tests.scale_out.application import SUBSCRIBER
from tests.scale_out.messages import FastClock, Life, Tally
from tests.scale_out.planted import BUGS
from tests.scale_out.wave import Plan, begun

POSTGRES_MAJOR = 15  # where there is none from a wheel
SPEED = 20
WAVE_SALES = 400
UNITS = {"s": 1, "m": 60, "h": 3_600}


class Verdict(msgspec.Struct, frozen=True):
    """All waves together. `passed`: there was no finding."""

    passed: bool
    waves: int
    processes: int
    seconds: float
    events_a_second: float
    counts: dict[str, int]
    findings: list[str]


@contextmanager
def own_server(*, durable: bool) -> Iterator[Server]:
    """A server that may be restarted. Raises Unavailable."""
    try:
        binaries = wheel()
    except Unavailable:
        binaries = debian(POSTGRES_MAJOR)
    with restartable(binaries, durable=durable) as server:
        yield server


async def campaign(
    server: Server, plan: Plan, seconds: float, folder: Path, report: Report
) -> Sequence[Tally]:
    """Wave after wave, for so long; each is reported when it is checked."""
    deadline = time.monotonic() + seconds
    life = Life(0, server.address, "", "", "", "", time.time_ns(), plan.speed, plan.bug)
    while time.monotonic() < deadline:
        number = report.next_wave
        # Tables of its own, as it has a provider of its own: prices of another account would be refused.
        async with (
            _tables(server, f"wave_{number}", life) as (own, store),
            begun(number, plan, store, server, own, folder) as wave,
        ):
            await wave.run(deadline)
        report.add(wave.tally, left=deadline - time.monotonic())
    return report.waves


@asynccontextmanager
async def _tables(server: Server, schema: str, life: Life) -> AsyncIterator[tuple[Life, PostgresStore]]:
    """Empty tables, gone afterwards, and the life of those who use them."""
    config = PostgresConfig(Secret(server.address), schema=schema)
    clock = FastClock(life.epoch, life.speed)
    async with await PostgresStore.open(config, clock=clock) as store:
        await store.migrate()
        await store.commit(Batch("first", clock.now(), subscribers=(SUBSCRIBER,)))
        yield replace(life, schema=schema), store
    with psycopg.connect(server.address, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))


@attrs.define
class Report:
    """What was done and found, wave by wave, kept in a file if there is one."""

    path: Path | None = None
    json: bool = False
    waves: list[Tally] = attrs.field(factory=list)

    @property
    def next_wave(self) -> int:
        """The number of the wave that is not done yet."""
        return len(self.waves) + 1

    def resume(self) -> None:
        """Count the waves that the file knows."""
        if self.path is not None and self.path.exists():
            for line in self.path.read_bytes().splitlines():
                self.waves.append(Tally(**msgspec.json.decode(line)))

    def add(self, tally: Tally, *, left: float) -> None:
        """One more wave."""
        self.waves.append(tally)
        line = msgspec.json.encode(attrs.asdict(tally)).decode()
        if self.path is not None:
            with self.path.open("a") as file:
                file.write(line + "\n")
        if self.json:
            say(line)
        rate = tally.events / max(tally.seconds, 1e-9)
        tell(
            f"wave {len(self.waves)}: {tally.events:,} events in {tally.seconds:.0f} s ({rate:.0f}/s), "
            f"{tally.kills} kills, {tally.stalls} stalls, {tally.crashes + tally.restarts} restarts, "
            f"settled and checked in {tally.settling:.0f} s, {len(tally.findings)} findings; "
            f"{max(left, 0):.0f} s to go"
        )
        for one in tally.findings:
            tell(f"  FOUND: {one}")

    def verdict(self, processes: int) -> Verdict:
        """All waves together."""
        total = Tally()
        for one in self.waves:
            total.add(one)
        found = attrs.asdict(total)
        counts = {name: value for name, value in found.items() if isinstance(value, int)}
        return Verdict(
            not total.findings and total.events > 0,
            len(self.waves),
            processes,
            round(total.seconds, 1),
            round(total.events / max(total.seconds, 1e-9), 1),
            counts,
            total.findings,
        )


def duration(text: str) -> float:
    """Seconds of `90s`, `10m`, `2h`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration such as 90s, 10m or 2h")
    return float(found[1]) * UNITS[found[2]]


def main(arguments: Sequence[str]) -> int:
    """Run the campaign; the exit code."""
    parser = argparse.ArgumentParser(prog="python dev.py scale-out", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument(
        "--for", dest="seconds", type=duration, default=600.0, help="90s, 10m, 2h; default 10m"
    )
    parser.add_argument("--rate", type=float, default=200.0, help="events a second, if the machine can")
    parser.add_argument("--harm-every", type=float, default=3.0, help="seconds between two kills or the like")
    parser.add_argument("--wave", type=int, default=WAVE_SALES, help="sales of one wave")
    parser.add_argument("--speed", type=int, default=SPEED, help="how much faster the processes' time runs")
    parser.add_argument(
        "--patience", type=float, default=240.0, help="seconds until what waits waits for ever"
    )
    parser.add_argument("--seed", type=int, default=1, help="of who is killed, and what comes twice or late")
    parser.add_argument("--report", type=Path, help="file of waves, a line each")
    parser.add_argument("--resume", action="store_true", help="count the waves that the report knows")
    parser.add_argument("--bug", choices=sorted(BUGS), default="", help="plant this bug first")
    parser.add_argument("--json", action="store_true", help="a line for each wave, and the verdict")
    options = parser.parse_args(arguments)
    report = Report(options.report, options.json)
    if options.resume:
        report.resume()
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # who is killed hangs up on the provider
    plan = Plan(
        options.rate,
        options.wave,
        options.harm_every,
        options.speed,
        options.seed,
        options.patience,
        options.bug,
    )
    seconds = options.seconds - sum(one.seconds + one.settling for one in report.waves)
    try:
        with own_server(durable=True) as server, TemporaryDirectory(prefix="purchase-scale-") as folder:
            asyncio.run(campaign(server, plan, seconds, Path(folder), report))
    except Unavailable as missing:
        tell(str(missing))
        return 2
    except KeyboardInterrupt:
        tell("interrupted; --report FILE --resume goes on")
        return 130
    return told(report.verdict(4), as_json=options.json)


def told(verdict: Verdict, *, as_json: bool) -> int:
    """The last word, and the exit code."""
    if as_json:
        say(msgspec.json.encode(verdict).decode())
        return 0 if verdict.passed else 1
    for name, value in verdict.counts.items():
        say(f"  {name.replace('_', ' '):<12} {value:>10,}")
    word = "PASSED" if verdict.passed else "FAILED"
    say(
        f"{word}: {verdict.waves} waves on {verdict.processes} processes, "
        f"{verdict.events_a_second:,.0f} events/s over {verdict.seconds:,.0f} s, "
        f"{len(verdict.findings)} findings"
    )
    return 0 if verdict.passed else 1


def say(text: str) -> None:
    """To standard output, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def tell(text: str) -> None:
    """To standard error: progress, findings, and what is missing."""
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
