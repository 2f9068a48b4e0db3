"""`purchase replay`."""

from __future__ import annotations

import asyncio

import click
import msgspec

from purchase_core.cli import exit_codes
from purchase_core.cli.app import find_app
from purchase_core.cli.asking import make_sure
from purchase_core.cli.output import instant_of, json_option, print_json, print_table, say
from purchase_core.opening import Opening
from purchase_core.operations.replay import (
    CHANGED,
    FAILED,
    SKIPPED,
    UNCHANGED,
    Replayed,
    Selection,
)

PROGRESS_EVERY = 1_000
STATUSES = (CHANGED, UNCHANGED, SKIPPED, FAILED)


@click.command()
@click.argument("delivery_id", metavar="ID", required=False, default="")
@click.option("--all", "all_", is_flag=True, help="Every delivery that was kept.")
@click.option("--connection", default="", metavar="NAME", help="Only those of this connection.")
@click.option("--type", "event_type", default="", metavar="TYPE", help="Only events of this type.")
@click.option("--since", default="", metavar="TIME", help="Only those received at this instant or later.")
@click.option("--until", default="", metavar="TIME", help="Only those received before this instant.")
@click.option("--before", default="", metavar="ID", help="Only those older than this one: to go on.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def replay(
    context: click.Context,
    /,
    delivery_id: str,
    *,
    all_: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    **chosen: str,
) -> None:
    """Read deliveries again with today's code; write what was misread, and nothing twice.

    Nothing goes out: no provider is asked, and nobody is told again. Interrupted, it says how to go on.

    \b
    Examples:
      purchase replay delivery_…
      purchase replay --type invoice.paid --since 2026-11-01T00:00:00Z --dry-run
      purchase replay --all --yes --json

    \b
    What can become of a delivery:
      changed      facts that were not known, or rows that differ
      unchanged    it means what it meant
      skipped      it asks for a look-up, whose answer is a delivery too
      failed       it cannot be verified or understood, and the reason says why
    """
    selection = _selection(**chosen)
    if sum((bool(delivery_id), all_, selection != Selection())) != 1:
        raise click.UsageError("Name one delivery, or say which (--type, --since and so on), or --all.")
    opening = find_app(context)
    if not (delivery_id or dry_run or yes):
        count = asyncio.run(_count(opening, selection))
        make_sure(f"Read {count:,} deliveries again?", yes=yes)
    found = asyncio.run(_replay(opening, delivery_id, selection, dry_run=dry_run, quiet=as_json))
    counts = {status: sum(one.status == status for one in found) for status in STATUSES}
    shown = [one for one in found if one.status in (CHANGED, FAILED)]
    if as_json:
        print_json({"dry_run": dry_run, **counts, "deliveries": msgspec.to_builtins(shown)})
    else:
        rows = [
            [one.delivery, one.event_type, one.status, one.reason or ", ".join(one.rows or one.facts)]
            for one in shown
        ]
        print_table(["delivery", "type", "status", "what"], rows, empty="Nothing differs.")
        say(", ".join(f"{count:,} {status}" for status, count in counts.items()) + ".")
    if counts[FAILED]:
        context.exit(exit_codes.FAILED)


def _selection(connection: str, event_type: str, since: str, until: str, before: str) -> Selection:
    return Selection(
        connection,
        event_type,
        instant_of("--since", since) if since else None,
        instant_of("--until", until) if until else None,
        before,
    )


async def _count(opening: Opening, selection: Selection) -> int:
    async with opening.reading() as billing:
        return len([one async for one in billing.replay.select(selection)])


async def _replay(
    opening: Opening, delivery_id: str, selection: Selection, *, dry_run: bool, quiet: bool
) -> list[Replayed]:
    found: list[Replayed] = []
    async with opening as billing:
        if delivery_id:
            return [await billing.replay.one(delivery_id, dry_run=dry_run)]
        try:
            async for one in billing.replay.all(selection, dry_run=dry_run):
                found.append(one)
                if not quiet and len(found) % PROGRESS_EVERY == 0:
                    say(f"{len(found):,} read")
        except asyncio.CancelledError:
            if found:
                say(f"To go on: the same command with --before {found[-1].delivery}")
            raise
    return found
