"""`purchase reconcile`."""

from __future__ import annotations

import asyncio

import attrs
import click
import msgspec

from purchase_core.cli import exit_codes
from purchase_core.cli.app import find_app
from purchase_core.cli.output import json_option, print_json, print_table, say
from purchase_core.opening import Opening
from purchase_core.operations.passes import DIFFERENCES, FAILED, VANISHED, Found
from purchase_core.operations.reconcile import PAGES_MAX
from purchase_core.records.run import FINISHED, Run

SHOWN_MAX = 1_000
PROGRESS_PAGES = 20


@click.command()
@click.argument("connection", required=False, default="")
@click.option("--repair", is_flag=True, help="Record what the provider says; else it is only shown.")
@click.option(
    "--pages",
    type=click.IntRange(1, PAGES_MAX),
    default=PAGES_MAX,
    show_default=True,
    help="At most so many requests for a page, for each pass.",
)
@click.option("--resume", default="", metavar="RUN", help="Go on with a repair that was cut off.")
@click.option("--note", default="", metavar="TEXT", help="Who wants it and why, for the receipt.")
@json_option
@click.pass_context
def reconcile(
    context: click.Context,
    /,
    *,
    connection: str,
    repair: bool,
    pages: int,
    resume: str,
    note: str,
    as_json: bool,
) -> None:
    """Ask the provider what there is, and hold it against what is known; all connections, or one.

    First its events: what never arrived. Then its objects: what is missing, or in another state. With
    --repair, both are recorded as observations; rows follow, as they would have. Then its customers, and what
    is live here and vanished there. `purchase work` does all this by itself. Other applications' objects are
    counted, and left alone.

    \b
    Examples:
      purchase reconcile                        exit 3 if something differs
      purchase reconcile stripe-eu --repair
      purchase reconcile --resume run_…

    \b
    What can be found:
      missed     an event that never arrived
      missing    an object of ours that is not known here
      differs    an object that is in another state there
      vanished   live here and unknown there; left as it is, see attention
      gone       a customer who was deleted or archived there; sold to no more
      failed     something that cannot be understood, and the reason says why
    """
    if resume and (connection or repair):
        raise click.UsageError("--resume knows what it goes on with.")
    done = asyncio.run(
        _reconcile(find_app(context), connection, resume, note, pages, repair=repair, quiet=as_json)
    )
    open_runs = [one.run for one in done if one.run.state != FINISHED]
    if as_json:
        print_json({"repair": repair or bool(resume), "passes": [_document(one) for one in done]})
    else:
        rows = [
            [one.run.scope, found.what, found.kind, found.about, found.reason or ", ".join(found.rows)]
            for one in done
            for found in one.found
        ]
        headers = [
            "connection",
            "what",
            "kind",
            "about",
            "came of it" if repair or resume else "would change",
        ]
        print_table(headers, rows, empty="Nothing differs.")
        for one in done:
            counts = ", ".join(f"{count:,} {name}" for name, count in sorted(one.run.counts.items()) if count)
            say(f"{one.run.scope} {one.run.kind}: {counts or 'nothing there'}.")
        for run in open_runs:
            say(
                f"To go on: purchase reconcile --resume {run.id}"
                if repair or resume
                else "More pages: --pages"
            )
    if any(one.run.counts.get(FAILED) for one in done):
        context.exit(exit_codes.FAILED)
    differences = (VANISHED,) if repair or resume else DIFFERENCES
    if any(one.run.counts.get(what) for one in done for what in differences):
        context.exit(exit_codes.DIFFERENCES)


@attrs.define
class _Pass:
    """A pass, and what it has found so far."""

    run: Run
    found: list[Found]


async def _reconcile(
    opening: Opening, connection: str, resume: str, note: str, pages: int, *, repair: bool, quiet: bool
) -> list[_Pass]:
    async with opening as billing:
        if resume:
            begun = [await billing.reconcile.resumed(resume)]
        else:
            names = [connection] if connection else sorted(billing.connections)
            begun = [
                await billing.reconcile.start(name, kind, repair=repair, note=note)
                for name in names
                for kind in billing.reconcile.passes(name)
            ]
        done = []
        for run in begun:
            one = _Pass(run, [])
            done.append(one)
            count = 0
            async for one.run, found in billing.reconcile.run(run, pages_max=pages):
                count += 1
                one.found += found[: SHOWN_MAX - len(one.found)]
                if not quiet and count % PROGRESS_PAGES == 0:
                    say(f"{run.scope} {run.kind}: {sum(one.run.counts.values()):,} looked at")
        return done


def _document(one: _Pass) -> dict[str, object]:
    return {
        "run": one.run.id,
        "connection": one.run.scope,
        "pass": one.run.kind,
        "state": one.run.state,
        "counts": dict(one.run.counts),
        "found": [msgspec.to_builtins(found) for found in one.found],
    }
