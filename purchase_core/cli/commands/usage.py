"""`purchase usage`."""

from __future__ import annotations

import asyncio

import click
import msgspec

from purchase_core.cli.app import find_app
from purchase_core.cli.output import json_option, print_json, print_table, time_of, with_times
from purchase_core.opening import Opening
from purchase_core.workflows.usage import QuotaState


@click.group()
def usage() -> None:
    """How much of their quotas a customer has used.

    \b
    Examples:
      purchase usage show user_1
    """


@usage.command(short_help="Every quota of a customer, in the window that is open.")
@click.argument("customer")
@json_option
@click.pass_context
def show(context: click.Context, customer: str, *, as_json: bool) -> None:
    """Every quota of a customer, in the window that is open.

    \b
    Examples:
      purchase usage show user_1
      purchase usage show user_1 --json
    """

    async def found(opening: Opening) -> list[QuotaState]:
        async with opening.reading() as billing:
            rights = await billing.customers.entitlements(customer)
            return [await billing.usage.current(name, customer=customer) for name in sorted(rights.quotas)]

    told = asyncio.run(found(find_app(context)))
    if as_json:
        print_json(with_times({"usage": msgspec.to_builtins(told)}))
        return
    rows = [
        [
            one.quota,
            f"{one.used:,}",
            f"{one.limit:,}",
            f"{one.remaining:,}",
            time_of(one.window_start),
            time_of(one.window_end) or "never",
        ]
        for one in told
    ]
    headers = ["quota", "used", "limit", "left", "window from", "to"]
    print_table(headers, rows, empty="No quotas.")
