"""`purchase retention`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click

from purchase_core.cli.app import find_app
from purchase_core.cli.asking import make_sure
from purchase_core.cli.output import json_option, print_json, print_table, say, time_of
from purchase_core.opening import Opening
from purchase_core.operations.retention import EMPTIED, KINDS, LEFT, LOOKED
from purchase_core.records.delivery import Delivery
from purchase_core.records.run import Run

WHAT = {"bodies": "events that were worked off", "foreign": "events that were not of this application"}


@click.group()
def retention() -> None:
    """How long the bodies of events are kept. Ids, facts and rows are kept for ever.

    Workers empty what is old enough by themselves; `[retention]` says when. What waits or is quarantined is
    needed whole, and left.

    \b
    Examples:
      purchase retention show
      purchase retention prune
    """


@retention.command(short_help="What is declared, and whether anything is due.")
@json_option
@click.pass_context
def show(context: click.Context, *, as_json: bool) -> None:
    """How long bodies are kept, and the oldest that should be emptied by now.

    \b
    Examples:
      purchase retention show
      purchase retention show --json
    """

    async def found(opening: Opening) -> Sequence[tuple[str, int, Delivery | None]]:
        async with opening.reading() as billing:
            own = billing.retention
            return [(kind, own.days(kind), await own.overdue(kind)) for kind in KINDS]

    rows = asyncio.run(found(find_app(context)))
    if as_json:
        kept = [
            {"kind": kind, "days": days, "due": None if due is None else due.id} for kind, days, due in rows
        ]
        print_json({"retention": kept})
        return
    cells = [
        [
            WHAT[kind],
            f"{days} days" if days else "for ever",
            "nothing" if due is None else time_of(due.received_at),
        ]
        for kind, days, due in rows
    ]
    print_table(["bodies of", "kept for", "due since"], cells, empty="")


@retention.command(short_help="Empty what is old enough, now: asks first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--note", default="", metavar="TEXT", help="Who wants it and why, for the receipt.")
@json_option
@click.pass_context
def prune(context: click.Context, *, yes: bool, note: str, as_json: bool) -> None:
    """Empty bodies and headers of what is old enough, a slice at a time. It cannot be undone.

    Cut off, it goes on where it stopped. Replay skips what was emptied; the provider may still list it.

    \b
    Examples:
      purchase retention prune
      purchase retention prune --yes --json
    """
    make_sure("Empty the bodies of old events for ever?", yes=yes)
    done = asyncio.run(_prune(find_app(context), note, quiet=as_json))
    if as_json:
        print_json({"runs": [{"run": one.id, "kind": one.scope, "counts": dict(one.counts)} for one in done]})
        return
    for one in done:
        counts = one.counts
        text = f"{one.scope}: {counts.get(EMPTIED, 0):,} emptied, {counts.get(LEFT, 0):,} left; {one.id}"
        say(text, head="Done.", fg="green")
    if not done:
        say("All bodies are kept for ever.")


async def _prune(opening: Opening, note: str, *, quiet: bool) -> list[Run]:
    done = []
    async with opening as billing:
        for kind in KINDS:
            if not billing.retention.days(kind):
                continue
            run = await billing.retention.start(kind, note=note)
            async for run in billing.retention.run(run):  # noqa: B020  # it is the same run, further on
                if not quiet:
                    say(f"{kind}: {run.counts.get(LOOKED, 0):,} looked at")
            done.append(run)
    return done
