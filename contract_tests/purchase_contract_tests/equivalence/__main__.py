"""`python -m purchase_contract_tests.equivalence`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path

import msgspec

from purchase_contract_tests.equivalence.engine import Engine
from purchase_contract_tests.equivalence.running import SEEDS_OF_A_DATABASE, Difference, Spent, run


class Progressed(msgspec.Struct):
    """Where a long run has come to."""

    engines: list[str]
    start: int
    stop: int
    next: int


def _seeds(text: str) -> range:
    start, _, stop = text.partition(":")
    found = range(int(start), int(stop) if stop else int(start) + 1)
    if not found:
        raise argparse.ArgumentTypeError(f"{text} holds no seed: FIRST:BEYOND")
    return found


def _engine(text: str) -> tuple[str, Engine]:
    name, _, place = text.partition("=")
    module, _, function = place.partition(":")
    return name, getattr(import_module(module), function)


def main(arguments: Sequence[str]) -> int:
    """0: all tell the same; 1: they do not; 75: one of the engines is not here."""
    parser = argparse.ArgumentParser(prog="purchase_contract_tests.equivalence")
    parser.add_argument(
        "engines", nargs="+", metavar="NAME=MODULE:FUNCTION", help="the first is the reference"
    )
    parser.add_argument("--seeds", type=_seeds, default=range(300), metavar="FIRST:BEYOND")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="go on from there; keep it current")
    parser.add_argument("--replay", default="", help=argparse.SUPPRESS)  # the command that called this one
    chosen = parser.parse_args(arguments)
    start = _resumed(chosen.resume, chosen.engines, chosen.seeds)
    return asyncio.run(_run(chosen, range(start, chosen.seeds.stop)))


async def _run(chosen: argparse.Namespace, seeds: range) -> int:
    spent = Spent()

    def progress(beyond: int, spent: Spent) -> None:
        if chosen.resume:
            state = Progressed(chosen.engines, chosen.seeds.start, chosen.seeds.stop, beyond)
            chosen.resume.write_bytes(msgspec.json.encode(state))
        done, whole = beyond - chosen.seeds.start, len(chosen.seeds)
        sys.stderr.write(f"{done}/{whole} seeds, {spent.steps} steps; {_rates(spent)}\n")

    async with AsyncExitStack() as stack:
        databases = {}
        for name, engine in map(_engine, chosen.engines):
            databases[name] = await stack.enter_async_context(engine())
        found = await run(seeds, databases, progress, spent)
    if found is None:
        names = ", ".join(databases)
        sys.stdout.write(
            f"{spent.seeds} histories of {spent.steps} steps: {names} tell the same. {_rates(spent)}\n"
        )
        return 0
    _explain(found, chosen)
    return 1


def _explain(found: Difference, chosen: argparse.Namespace) -> None:
    again = chosen.replay or f"python -m purchase_contract_tests.equivalence {' '.join(chosen.engines)}"
    first = found.seed - (found.seed - chosen.seeds.start) % SEEDS_OF_A_DATABASE
    sys.stdout.write(
        f"{found}\n\nTo see it again:\n  {again} --seeds {found.seed}:{found.seed + 1}\n"
        f"If that is quiet, with those before it in the same database:\n"
        f"  {again} --seeds {first}:{found.seed + 1}\n"
    )


def _rates(spent: Spent) -> str:
    rates = (f"{name} {spent.seeds / seconds:.0f}" for name, seconds in spent.seconds.items() if seconds)
    return f"histories a second: {', '.join(rates)}"


def _resumed(file: Path | None, engines: list[str], seeds: range) -> int:
    if file is None or not file.exists():
        return seeds.start
    state = msgspec.json.decode(file.read_bytes(), type=Progressed)
    if (state.engines, state.start, state.stop) != (engines, seeds.start, seeds.stop):
        raise SystemExit(
            f"{file} is of another run: --seeds {state.start}:{state.stop} {' '.join(state.engines)}"
        )
    return state.next


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
