"""The demo for people: addresses to open, and a line for whatever happens, until ^C."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import msgspec

from purchase_core.cli.output import SCHEMA_VERSION, printable, say, time_of
from purchase_core.plugins.hookspecs import hookimpl
from purchase_core.records.effect import Effect

from .running import Demo, running

CARDS_PAGE = "Any of the test cards on the payment page will do."


async def serve(port: int, sandbox_port: int, database: Path | None, *, as_json: bool) -> None:
    """Run the demo until the process is interrupted."""
    async with _database(database) as file:
        telling = _Telling(as_json=as_json)
        async with running(file, shop_port=port, sandbox_port=sandbox_port, plugins=[telling]) as demo:
            _ready(demo, kept=database is not None, as_json=as_json)
            await asyncio.Event().wait()


@asynccontextmanager
async def _database(chosen: Path | None) -> AsyncIterator[Path]:
    if chosen is not None:
        yield chosen
        return
    with TemporaryDirectory(prefix="purchase-demo-") as folder:
        yield Path(folder) / "purchase.db"


def _ready(demo: Demo, *, kept: bool, as_json: bool) -> None:
    if as_json:
        _line({"shop": demo.shop_url, "sandbox": demo.sandbox_url, "database": str(demo.database)})
        return
    for name, value in (
        ("Shop", f"{demo.shop_url}/"),
        ("Account", f"{demo.shop_url}/account"),
        ("Provider", f"{demo.sandbox_url}/"),
        ("Database", f"{demo.database}{'' if kept else '  (thrown away at the end)'}"),
    ):
        say(f"{name.ljust(10)} {value}")
    say(f"\nBuy something in the shop. {CARDS_PAGE}")
    say("On the account page, let time pass, or send every webhook again. No money moves. Stop with ^C.\n")


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
