"""`purchase catalog pull`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from purchase_core.cli.app import find_app, looking
from purchase_core.cli.output import json_option, print_json, say
from purchase_core.opening import Opening


@click.command("pull", short_help="A catalog in code, from what an account sells.")
@click.argument("connection")
@click.option("-o", "--output", type=click.Path(dir_okay=False), metavar="FILE", help="Write it there.")
@json_option
@click.pass_context
def pull_command(context: click.Context, connection: str, *, output: str | None, as_json: bool) -> None:
    """Write Python code for what CONNECTION's account sells already, with the prices that it names.

    What it grants nobody but you can say. A plan of it adopts what is there, and makes nothing.

    \b
    Examples:
      purchase catalog pull stripe-eu
      purchase catalog pull stripe-eu -o catalog.py
    """

    async def found(opening: Opening) -> str:
        async with looking(opening) as billing:
            return await billing.rollout.pull(connection)

    code = asyncio.run(found(find_app(context)))
    if output:
        Path(output).write_text(code)
        say(f"Written to {output}.")
    if as_json:
        print_json({"connection": connection, "code": code})
    elif not output:
        click.echo(code, nl=False)
