"""`purchase receipts`."""

from __future__ import annotations

import asyncio

import click
import msgspec

from purchase_core.cli.app import find_app
from purchase_core.cli.output import json_option, print_json, print_pairs, print_table, time_of, with_times
from purchase_core.opening import Opening
from purchase_core.reads.receipts import Receipt


@click.group()
def receipts() -> None:
    """What a workflow did, and why.

    \b
    Examples:
      purchase receipts show receipt_…
    """


@receipts.command(short_help="One receipt: stages, routing decision, facts.")
@click.argument("receipt_id", metavar="ID")
@json_option
@click.pass_context
def show(context: click.Context, receipt_id: str, *, as_json: bool) -> None:
    """One receipt: its stages, the routing decision, and the facts that followed.

    ID is what `checkout.start` returned as `receipt`.

    \b
    Examples:
      purchase receipts show receipt_…
      purchase receipts show receipt_… --json
    """
    found = asyncio.run(_receipt(find_app(context), receipt_id))
    if as_json:
        print_json({"receipt": with_times(msgspec.to_builtins(found))})
        return
    pairs = [
        ("receipt", found.id),
        ("workflow", found.kind),
        ("state", found.state),
        ("customer", found.customer),
        ("connection", found.connection),
        ("intent", found.reference),
    ]
    print_pairs(pairs)
    click.echo()
    stages = [[time_of(one.at), one.name, one.detail] for one in found.stages]
    print_table(["at", "stage", "detail"], stages, empty="")
    if found.decision:
        click.echo()
        verdicts = [
            [one.connection, one.excluded or f"score {one.score:g}"] for one in found.decision.verdicts
        ]
        print_table(["connection", f"router {found.decision.router!r}"], verdicts, empty="")
    click.echo()
    facts = [[time_of(one.recorded_at), one.key.partition("@")[0], one.cause] for one in found.facts]
    print_table(["recorded", "fact about", "brought by"], facts, empty="No facts followed yet.")


async def _receipt(opening: Opening, receipt_id: str) -> Receipt:
    async with opening.reading() as billing:
        return await billing.receipts.get(receipt_id)
