"""`purchase providers`."""

from __future__ import annotations

from typing import Any

import click

from purchase_core.cli.app import find_app
from purchase_core.cli.capability_table import capability_page, capability_rows
from purchase_core.cli.output import json_option, print_json, print_table
from purchase_core.plugins.descriptors import ProviderPlugin
from purchase_core.plugins.registry import Registry


@click.command()
@click.option(
    "--plugin", "names", metavar="NAME", multiple=True, help="An installed plugin, configured or not."
)
@click.option("--markdown", is_flag=True, help="The table in Markdown, as it stands in documents.")
@json_option
@click.pass_context
def providers(context: click.Context, *, names: tuple[str, ...], markdown: bool, as_json: bool) -> None:
    """The table of capabilities: of the configured connections, or of installed plugins.

    \b
    Examples:
      purchase providers
      purchase providers --plugin sandbox
      purchase providers --plugin sandbox --markdown
    """
    found = _named(names) if names else _configured(context)
    if as_json:
        print_json({"providers": {name: _document(plugin) for name, plugin in found.items()}})
        return
    declared = {name: plugin.capabilities for name, plugin in found.items()}
    if markdown:
        click.echo(capability_page(declared), nl=False)
        return
    print_table(["", *found], capability_rows(declared), empty="")


def _named(names: tuple[str, ...]) -> dict[str, ProviderPlugin[Any]]:
    registry = Registry()
    for name in names:
        registry.load(name)
    return {name: registry.provider(name) for name in names}


def _configured(context: click.Context) -> dict[str, ProviderPlugin[Any]]:
    opening = find_app(context)
    settings = opening.settings()
    registry = opening.registry(settings)
    return {
        f"{one.name} ({one.mode})": registry.provider(one.plugin) for one in settings.connections.values()
    }


def _document(plugin: ProviderPlugin[Any]) -> dict[str, object]:
    declared = plugin.capabilities
    return {
        "plugin": plugin.name,
        "capabilities": sorted(one.value for one in declared.declared),
        "key_lifetime_seconds": declared.key_lifetime_seconds,
        "currencies": None if declared.currencies is None else sorted(declared.currencies),
        "refund_approval": declared.refund_approval,
        "unique_emails": declared.unique_emails,
        "merchant_of_record": declared.merchant_of_record,
        "price_trials": declared.price_trials,
        "price_changes": declared.price_changes,
        "delayed_payments": declared.delayed_payments,
        "test_only": plugin.test_only,
    }
