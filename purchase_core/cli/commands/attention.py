"""`purchase attention`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click
import msgspec

from purchase_core.cli.app import find_app
from purchase_core.cli.exit_codes import DIFFERENCES
from purchase_core.cli.output import json_option, print_json, print_table, time_of, with_times
from purchase_core.money import money_of
from purchase_core.opening import Opening
from purchase_core.operations.attention import Item


@click.command()
@click.option("--exit-code", is_flag=True, help="Exit 3 if anything waits.")
@json_option
@click.pass_context
def attention(context: click.Context, *, exit_code: bool, as_json: bool) -> None:
    """Everything that waits for a person, with the money at stake and the command that goes on with it.

    Of cases and refunds, the 1,000 of each with the most money at stake; `purchase metrics` counts further.

    \b
    Examples:
      purchase attention
      purchase attention --exit-code --json    for an alert

    \b
    Kinds:
      quarantine   deliveries that could not be worked off, by cause
      refused      deliveries that were refused, ten or more lately
      case         money or state that is not as it was ordered
      outcome      a command of which nobody knows whether it happened
      refund       money that should have gone back, and did not
      vanished     subscriptions that are live here, and unknown at the provider
      link         customers that the provider knows as others than they are here
    """
    found = asyncio.run(_list(find_app(context)))
    if as_json:
        print_json({"items": [with_times(msgspec.to_builtins(one)) for one in found]})
    else:
        rows = [
            [
                one.kind,
                f"{one.count:,}",
                _money(one),
                one.customer or "-",
                one.what,
                time_of(one.since),
                one.next,
            ]
            for one in found
        ]
        headers = ["kind", "count", "money", "customer", "what", "since", "next"]
        print_table(headers, rows, empty="Nothing waits for you.")
    if exit_code and found:
        context.exit(DIFFERENCES)


async def _list(opening: Opening) -> Sequence[Item]:
    async with opening.reading() as billing:
        return await billing.attention.list()


def _money(one: Item) -> str:
    return money_of(one.amount, one.currency) or "-"
