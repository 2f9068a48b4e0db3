"""`purchase migrate`."""

from __future__ import annotations

import asyncio

import click

from purchase_core.cli.app import find_app
from purchase_core.cli.exit_codes import DIFFERENCES, OK
from purchase_core.cli.output import json_option, print_json, say
from purchase_core.opening import Opening
from purchase_core.ports.store import SchemaState


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit 3 if something is pending.")
@json_option
@click.pass_context
def migrate(context: click.Context, *, check: bool, as_json: bool) -> int:
    """Bring the database's tables up to date: forward only, and safe to run anywhere, any number of times.

    \b
    Examples:
      purchase migrate
      purchase migrate --check    in a deploy, before traffic
    """
    before, after = asyncio.run(_migrate(find_app(context), check=check))
    if as_json:
        print_json({"found": before.found, "now": after.found, "wanted": after.wanted})
    elif after.current:
        done = f"from version {before.found} to {after.found}" if before != after else "nothing to do"
        say(f"The tables are at version {after.found}, as this code wants ({done}).")
    else:
        say(f"The tables are at version {after.found}; this code wants {after.wanted}.")
        say("Run `purchase migrate`.")
    return OK if after.current else DIFFERENCES


async def _migrate(opening: Opening, *, check: bool) -> tuple[SchemaState, SchemaState]:
    async with opening.store(read_only=check) as store:
        before = await store.schema()
        return before, before if check else await store.migrate()
