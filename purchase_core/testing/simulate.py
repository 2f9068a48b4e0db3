"""Simulate: play made-up histories of an application, and compare each with what must be true.

    python -m purchase_core.testing.simulate --seeds 0:10000
    python -m purchase_core.testing.simulate --seeds 0:1000000 --jobs 8 --resume run.json
    python -m purchase_core.testing.simulate --seeds 4711 --log      one history, line by line

One seed decides everything: who buys what, what goes wrong, and whose turn it is. A finding prints the
command that plays it again, and one that plays what is left of it after shrinking. Exits with 1 if anything
was found.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from purchase_core.testing.simulation.history import LIVENESS, SAFETY, Plan
from purchase_core.testing.simulation.running import MEMORY, Failure, Job, Tally, resumed, run
from purchase_core.testing.simulation.scenario import Scenario


def main(arguments: Sequence[str]) -> int:
    """0: nothing was found; 1: something was; 2: it cannot be run like that."""
    parser = argparse.ArgumentParser(
        prog="python -m purchase_core.testing.simulate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=_seeds, default=range(1_000), metavar="FIRST:BEYOND")
    parser.add_argument("--steps", type=int, default=Scenario().steps_max, help="of a history, at most")
    parser.add_argument(
        "--mode",
        choices=(LIVENESS, SAFETY),
        default=LIVENESS,
        help="safety: only what holds at every step; liveness: then faults stop, and all must be as told",
    )
    parser.add_argument(
        "--store", default=MEMORY, help="memory, or MODULE:FUNCTION that makes an empty store"
    )
    parser.add_argument("--scenario", default="", help="MODULE:NAME of a Scenario: your catalog and policy")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="go on from there; keep it current")
    parser.add_argument("--only", type=_numbers, default=None, help="the steps that are taken")
    parser.add_argument("--without", type=_names, default=frozenset(), help="kinds of faults that are not")
    parser.add_argument("--no-shrink", action="store_true", help="leave findings as they are")
    parser.add_argument("--log", action="store_true", help="say what happens in the first history")
    parser.add_argument("--json", action="store_true", help="findings and summary as JSON, one a line")
    chosen = parser.parse_args(arguments)
    job = Job(
        chosen.store,
        chosen.scenario,
        chosen.steps,
        liveness=chosen.mode == LIVENESS,
        shrink=not chosen.no_shrink,
    )
    if len(chosen.seeds) == 1:
        return _one(job, chosen)
    return _many(job, chosen)


def _one(job: Job, chosen: argparse.Namespace) -> int:
    plan = Plan(chosen.seeds.start, chosen.only, chosen.without, liveness=job.liveness)
    played = job.play(plan)
    if chosen.json:
        findings = [str(one) for one in played.findings]
        _say(msgspec.json.encode({"seed": plan.seed, "digest": played.digest, "findings": findings}).decode())
        return 1 if findings else 0
    lines = list(played.log) if chosen.log or played.findings else []
    lines += [f"FOUND {one}" for one in played.findings] or ["nothing was found"]
    _say("\n".join([*lines, f"digest {played.digest}, {len(played.steps)} steps"]))
    return 1 if played.findings else 0


def _many(job: Job, chosen: argparse.Namespace) -> int:
    try:
        tally = resumed(chosen.resume, chosen.seeds, chosen.store, chosen.mode)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    shown = 0

    def told(now: Tally) -> None:
        nonlocal shown
        for failure in now.failures[shown:]:
            _say(msgspec.json.encode(failure).decode() if chosen.json else _explained(failure))
        shown = len(now.failures)
        done = now.next - now.start
        sys.stderr.write(f"{done}/{now.stop - now.start} histories, {shown} findings; {_rate(now)}\n")

    run(job, tally, jobs=chosen.jobs, told=told, resume=chosen.resume)
    if chosen.json:
        summary = {
            "histories": tally.histories,
            "findings": len(tally.failures),
            "histories_per_second_per_core": round(tally.rate, 1),
        }
        _say(msgspec.json.encode(summary).decode())
    else:
        _say(f"{tally.histories} histories, {len(tally.failures)} findings; {_rate(tally)}")
    return 1 if tally.failures else 0


def _explained(failure: Failure) -> str:
    lines = [f"FOUND with seed {failure.seed}: {failure.finding}", *(f"  {line}" for line in failure.log)]
    return "\n".join([*lines, "again:", f"  {failure.command}", "smaller:", f"  {failure.small}"])


def _rate(tally: Tally) -> str:
    return f"{tally.rate:.0f} histories a second of CPU time"


def _seeds(text: str) -> range:
    first, colon, beyond = text.partition(":")
    found = range(int(first), int(beyond) if colon else int(first) + 1)
    if not found:
        raise argparse.ArgumentTypeError(f"{text} holds no seed: FIRST:BEYOND")
    return found


def _numbers(text: str) -> frozenset[int]:
    return frozenset(map(int, text.split(",")))


def _names(text: str) -> frozenset[str]:
    return frozenset(filter(None, text.split(",")))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
