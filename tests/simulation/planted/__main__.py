"""Plant each bug, and let the simulator look for it blind: histories 0, 1, 2 … until something is found.

python -m tests.simulation.planted                          every bug, within 50,000 histories
python -m tests.simulation.planted --bug guards-no-lane     one of them
python -m tests.simulation.planted --checks                 which bug escapes where a check is left out
python -m tests.simulation.planted --write --jobs 2         both tables into docs/simulation.md
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from purchase_core.testing.simulation.world import CHECKS

from .hunting import Hunted, hunt
from .planting import BUGS

PAGE = Path(__file__).parents[3] / "docs" / "simulation.md"
BEGIN, END = "<!-- planted bugs: begin -->", "<!-- planted bugs: end -->"
HISTORIES = 50_000
ESCAPES = 3  # times as many histories as the bug takes to be found, and still it is not

ONLY_FOUND_BY = {
    "acknowledged": "keeps-nothing-of-what-it-ignores",
    "answers": "minds-no-fingerprint",
    "asked": "cancels-the-wrong-way",
    "booked": "adjusts-one-less",
    "bounds": "reserves-nothing",
    "cases": "opens-no-case-for-excess",
    "counted": "counts-windows-by-the-calendar",
    "disputes": "forgets-outcomes-of-disputes",
    "drained": "keeps-what-it-ignores-waiting",
    "effects": "plans-twice",
    "ended": "works-duplicates-off-again",
    "forgotten": "keeps-bodies-of-the-erased",
    "genuine": "minds-no-account",
    "heard": "takes-failing-for-hearing",
    "intents": "says-open-of-what-is-settled",
    "invoices": "forgets-what-the-customer-must-do",
    "moved": "keeps-both",
    "opened": "forgets-trials",
    "overdrawn": "reserves-what-is-not-there",
    "pages": "leaves-the-old-page-open",
    "purchases": "forgets-held-money",
    "rebuilt": "explains-nothing",
    "refunds": "says-less-went-back",
    "rights": "adds-seats-up-wrongly",
    "secrets": "says-the-address",
    "silent": "tells-again-on-replay",
    "spent": "spends-the-last-to-expire-first",
    "subscriptions": "forgets-ends-of-trials",
    "told": "tells-nobody-of-ends",
    "wallets": "shows-nothing-as-held",
}
"""For each check a bug that no other one finds: without it, that bug escapes."""


def main(arguments: Sequence[str]) -> int:
    """0: nearly every bug is found, and each check is needed; 1: not so."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation.planted",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--bug", action="append", choices=sorted(BUGS), help="only this one")
    parser.add_argument("--histories", type=int, default=HISTORIES, help="to look in, at most")
    parser.add_argument("--checks", action="store_true", help="leave out each check in turn")
    parser.add_argument("--write", action="store_true", help="both tables, into the documentation")
    parser.add_argument("--jobs", type=int, default=1)
    chosen = parser.parse_args(arguments)
    with ProcessPoolExecutor(chosen.jobs, initializer=_quiet) as pool:
        found = [] if chosen.checks else list(_told(pool.map(
            partial(hunt, histories=chosen.histories), chosen.bug or list(BUGS)
        )))  # fmt: skip
        escaped = []
        if chosen.checks or chosen.write:
            needed = {one.bug: one.histories for one in found}
            escaped = list(_told(pool.map(partial(_without, needed), ONLY_FOUND_BY)))
    if chosen.write:
        _write(found, escaped, chosen.histories)
    missed = [one for one in found if one.seed < 0]
    needless = [one for one in escaped if one.seed >= 0]
    return 1 if len(missed) * 20 > len(found) or needless else 0


def _quiet() -> None:
    logging.getLogger("purchase").setLevel(logging.CRITICAL)


def _without(needed: Mapping[str, int], check: str) -> Hunted:
    """The hunt for a bug with its check left out. `needed`: how many histories bugs have taken with it."""
    bug = ONLY_FOUND_BY[check]
    histories = needed.get(bug) or hunt(bug, HISTORIES).histories
    return hunt(bug, ESCAPES * histories, unchecked=check)


def _told(hunts: Iterable[Hunted]) -> Iterator[Hunted]:
    for one in hunts:
        how = f"{one.histories} histories: {one.finding}" if one.seed >= 0 else "not found"
        sys.stdout.write(f"{one.bug}: {how}\n")
        sys.stdout.flush()
        yield one


def _write(found: Sequence[Hunted], escaped: Sequence[Hunted], histories: int) -> None:
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    table = f"{BEGIN}\n\n{tables(found, escaped, histories)}\n{END}"
    PAGE.write_text(before + table + after, "utf-8")


def tables(found: Sequence[Hunted], escaped: Sequence[Hunted], histories: int) -> str:
    """Both tables, in Markdown."""
    caught = [one for one in found if one.seed >= 0]
    lines = [
        f"{len(caught)} of {len(found)} bugs are found within {histories:,} histories.\n",
        "| the bug | what is wrong | histories | found by |\n|---|---|---:|---|",
    ]
    for one in found:
        how = f"{one.histories:,} | {', '.join(one.checks)}" if one.seed >= 0 else "not found | "
        lines.append(f"| {one.bug} | {BUGS[one.bug].wrong} | {how} |")
    lines += [
        "\nWhere a check is left out, the bug beside it escapes, in three times as many histories:\n",
        "| the check | what it stands for | escapes without it |\n|---|---|---|",
    ]
    for check, hunted in zip(ONLY_FOUND_BY, escaped, strict=True):
        how = hunted.bug if hunted.seed < 0 else f"nothing: {hunted.bug} is found by {hunted.checks}"
        lines.append(f"| {check} | {CHECKS[check]} | {how} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
