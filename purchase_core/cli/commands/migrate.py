"""`purchase migrate`."""

from __future__ import annotations

import asyncio

import click

from purchase_core.cli.app import find_app
from purchase_core.cli.exit_codes import DIFFERENCES, OK
from purchase_core.cli.output import json_option, print_json, say
from purchase_core.opening import Opening, require_known
from purchase_core.ports.store import SchemaState


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit 3 if something is pending.")
@click.option("--sql", is_flag=True, help="Print the migrations as SQL; connect to nothing.")
@json_option
@click.pass_context
def migrate(context: click.Context, *, check: bool, sql: bool, as_json: bool) -> int:
    """Bring the database's tables up to date: forward only, and safe to run anywhere, any number of times.

    \b
    Examples:
      purchase migrate
      purchase migrate --check    in a deploy, before traffic
      purchase migrate --sql      to review, or run by other means
    """
    if check and sql:
        raise click.UsageError("--check and --sql are two questions: ask one of them.")
    opening = find_app(context)
    if sql:
        return _print_sql(opening.store_sql(), as_json=as_json)
    before, after = asyncio.run(_migrate(opening, check=check))
    if as_json:
        print_json(
            {
                "state": "current" if after.current else "pending",
                "found": before.found,
                "now": after.found,
                "wanted": after.wanted,
            }
        )
    elif after.current:
        done = f"from version {before.found} to {after.found}" if before != after else "nothing to do"
        say(f"The tables are at version {after.found}, as this code wants ({done}).")
    else:
        say(f"{after.pending[0].upper()}{after.pending[1:]}.")
        say("Run `purchase migrate`.")
    return OK if after.current else DIFFERENCES


async def _migrate(opening: Opening, *, check: bool) -> tuple[SchemaState, SchemaState]:
    async with opening.store(read_only=check) as store:
        before = await store.schema()
        require_known(before)
        return before, before if check else await store.migrate()


def _print_sql(text: str, *, as_json: bool) -> int:
    if as_json:
        print_json({"sql": text})
    else:
        click.echo(text, nl=False)
    return OK
