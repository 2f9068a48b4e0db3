"""The demo for people: addresses to open, and a line for whatever happens, until ^C."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from purchase_core.cli.output import SCHEMA_VERSION, printable, say, time_of
from purchase_core.plugins.hookspecs import hookimpl
from purchase_core.records.effect import Effect

from .running import Demo, running


async def serve(
    names: Sequence[str], port: int, provider_port: int, database: Path, *, kept: bool, as_json: bool
) -> None:
    """Run the demo until the process is interrupted."""
    telling = _Telling(as_json=as_json)
    async with running(
        database, names, shop_port=port, provider_port=provider_port, plugins=[telling]
    ) as demo:
        _ready(demo, kept=kept, as_json=as_json)
        await asyncio.Event().wait()


def _ready(demo: Demo, *, kept: bool, as_json: bool) -> None:
    if as_json:
        urls = {name: one.url for name, one in demo.providers.items()}
        _line({"shop": demo.shop_url, "providers": urls, "database": str(demo.database)})
        return
    for name, value in (
        ("Shop", f"{demo.shop_url}/"),
        ("Account", f"{demo.shop_url}/account"),
        *((one.title, f"{one.url}/  (simulated)") for one in demo.providers.values()),
        ("Database", f"{demo.database}{'' if kept else '  (thrown away at the end)'}"),
    ):
        say(f"{name.ljust(10)} {value}")
    say("\nBuy something in the shop. Any of the test cards on the payment page will do.")
    say("On the account page, let time pass, or break things. No money moves. Stop with ^C.\n")


class _Telling:
    """A plugin that prints what became true."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    @hookimpl
    async def purchase_on_event(self, event: Effect) -> None:
        """Told by Purchase, after the commit."""
        if self._as_json:
            _line({"event": event.name, "about": event.about, "lane": event.lane, "at": time_of(event.at)})
        else:
            line = f"{time_of(event.at)}  {event.name.ljust(24)} {event.lane}  {event.about}"
            click.echo(printable(line))


def _line(document: dict[str, object]) -> None:
    click.echo(msgspec.json.encode({"schema_version": SCHEMA_VERSION, **document}).decode())
