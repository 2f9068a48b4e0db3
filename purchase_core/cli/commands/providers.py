"""`purchase providers`."""

from __future__ import annotations

from typing import Any

import click

from purchase_core.cli.app import find_app
from purchase_core.cli.output import json_option, print_json, print_table
from purchase_core.plugins.descriptors import ProviderPlugin
from purchase_core.plugins.registry import Registry
from purchase_core.ports.provider import Capability


@click.command()
@click.option(
    "--plugin", "names", metavar="NAME", multiple=True, help="An installed plugin, configured or not."
)
@json_option
@click.pass_context
def providers(context: click.Context, *, names: tuple[str, ...], as_json: bool) -> None:
    """The table of capabilities: of the configured connections, or of installed plugins.

    \b
    Examples:
      purchase providers
      purchase providers --plugin sandbox
    """
    found = _named(names) if names else _configured(context)
    if as_json:
        print_json({"providers": {name: _document(plugin) for name, plugin in found.items()}})
        return
    rows = [
        [one.value, *("yes" if one in plugin.capabilities else "-" for plugin in found.values())]
        for one in Capability
    ]
    rows.append(["currencies", *(_currencies(plugin) for plugin in found.values())])
    lifetimes = (f"{plugin.capabilities.key_lifetime_seconds // 3600} h" for plugin in found.values())
    rows.append(["idempotency keys hold", *lifetimes])
    print_table(["", *found], rows, empty="")


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


def _currencies(plugin: ProviderPlugin[Any]) -> str:
    return "all" if plugin.capabilities.currencies is None else str(len(plugin.capabilities.currencies))


def _document(plugin: ProviderPlugin[Any]) -> dict[str, object]:
    return {
        "plugin": plugin.name,
        "capabilities": sorted(one.value for one in plugin.capabilities.declared),
        "key_lifetime_seconds": plugin.capabilities.key_lifetime_seconds,
        "currencies": None
        if plugin.capabilities.currencies is None
        else sorted(plugin.capabilities.currencies),
        "test_only": plugin.test_only,
    }
