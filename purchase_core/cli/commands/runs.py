"""`purchase runs`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click

from purchase_core.cli.app import find_app
from purchase_core.cli.output import json_option, print_json, print_pairs, print_table, say, time_of
from purchase_core.errors import NotFound
from purchase_core.opening import Opening
from purchase_core.records.run import Run

LIMIT_MAX = 1_000


@click.group()
def runs() -> None:
    """What operations did: rebuilds, replays, reconciliations, decisions about deliveries. Their receipts.

    \b
    Examples:
      purchase runs list
      purchase runs show run_…
    """


@runs.command("list")
@click.option("--kind", default="", metavar="KIND", help="Only these: rebuild, replay, reconcile, …")
@click.option(
    "--limit", type=click.IntRange(1, LIMIT_MAX), default=20, show_default=True, help="How many at most."
)
@click.option("--before", default="", metavar="ID", help="Older than this one: the next page.")
@json_option
@click.pass_context
def list_(context: click.Context, *, kind: str, limit: int, before: str, as_json: bool) -> None:
    """Runs, newest first.

    \b
    Examples:
      purchase runs list
      purchase runs list --kind reconcile --json
    """
    found = asyncio.run(_list(find_app(context), kind, before, limit))
    if as_json:
        print_json({"runs": [_document(one) for one in found]})
        return
    rows = [
        [one.id, one.kind, one.scope, one.state, time_of(one.started_at), _counts(one), one.note]
        for one in found
    ]
    print_table(["id", "kind", "of", "state", "started", "what came of it", "note"], rows, empty="No runs.")
    if len(found) == limit:
        say(f"More: purchase runs list --before {found[-1].id}")


@runs.command()
@click.argument("run_id", metavar="ID")
@json_option
@click.pass_context
def show(context: click.Context, run_id: str, *, as_json: bool) -> None:
    """One run, by its id.

    \b
    Examples:
      purchase runs show run_…
      purchase runs show run_… --json
    """
    found = asyncio.run(_show(find_app(context), run_id))
    if as_json:
        print_json({"run": _document(found)})
        return
    pairs = [(name, str(value)) for name, value in _document(found).items() if name != "counts"]
    print_pairs([*pairs, *((name, f"{count:,}") for name, count in found.counts.items())])


async def _list(opening: Opening, kind: str, before: str, limit: int) -> Sequence[Run]:
    async with opening.reading() as billing:
        return await billing.store.runs(kind=kind, before_id=before, limit=limit)


async def _show(opening: Opening, run_id: str) -> Run:
    async with opening.reading() as billing:
        found = await billing.store.run(run_id)
    if found is None:
        raise NotFound(f"no run {run_id!r}", hint="`purchase runs list` shows what there is.")
    return found


def _counts(one: Run) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in one.counts.items() if count)


def _document(one: Run) -> dict[str, object]:
    return {
        "id": one.id,
        "kind": one.kind,
        "scope": one.scope,
        "state": one.state,
        "code": one.code,
        "started_at": time_of(one.started_at),
        "updated_at": time_of(one.updated_at),
        "cursor": one.cursor,
        "note": one.note,
        "counts": dict(one.counts),
    }
