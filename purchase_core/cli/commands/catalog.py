"""`purchase catalog`."""

from __future__ import annotations

import click
import msgspec

from purchase_core.catalog.words import granted, prices, rhythm
from purchase_core.cli.app import find_app
from purchase_core.cli.commands.catalog_holders import migrate_holders_command
from purchase_core.cli.commands.catalog_pull import pull_command
from purchase_core.cli.commands.catalog_rollout import (
    apply_command,
    check_command,
    plan_command,
    versions_command,
)
from purchase_core.cli.output import json_option, print_json, print_table, say


@click.group()
def catalog() -> None:
    """What the application sells.

    \b
    Examples:
      purchase catalog show
      purchase catalog plan -o plan.json
      purchase catalog apply plan.json
      purchase catalog check
    """


for command in (
    plan_command,
    apply_command,
    check_command,
    versions_command,
    pull_command,
    migrate_holders_command,
):
    catalog.add_command(command)


@catalog.command(short_help="Every offer: price, trial, and what it grants.")
@json_option
@click.pass_context
def show(context: click.Context, *, as_json: bool) -> None:
    """Every offer: price, rhythm, trial and what it grants, with the hash of its version.

    It opens no store and asks no provider.

    \b
    Examples:
      purchase catalog show
      purchase --app shop:billing catalog show --json
    """
    found = find_app(context).catalog
    if as_json:
        offers = [
            {"id": offer, "version": version.hash, **msgspec.to_builtins(version)}
            for offer, version in found.offers.items()
        ]
        print_json({"catalog": found.content_hash, "offers": offers})
        return
    rows = [
        [offer, prices(version), rhythm(version), ", ".join(map(granted, version.grants)), version.hash[:8]]
        for offer, version in found.offers.items()
    ]
    print_table(["offer", "price", "paid", "grants", "version"], rows, empty="The catalog is empty.")
    say(f"{len(rows)} {'offer' if len(rows) == 1 else 'offers'}, catalog {found.content_hash[:8]}")
