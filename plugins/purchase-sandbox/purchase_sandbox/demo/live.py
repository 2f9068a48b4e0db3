"""The demo for people: addresses to open, and a line for whatever happens, until ^C."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from purchase_core.cli.output import SCHEMA_VERSION, printable, say, time_of
from purchase_sandbox.sandbox import DEFAULT_URL
from purchase_sandbox.shop.live import Feed, Line

from .running import Demo, running


async def serve(
    names: Sequence[str],
    port: int,
    provider_port: int,
    database: Path,
    desk: Path,
    *,
    kept: bool,
    as_json: bool,
) -> None:
    """Run the demo until the process is interrupted."""
    feed = Feed()
    feed.listeners.append(_tell_as_json if as_json else _tell)
    demo = running(database, names, shop_port=port, provider_port=provider_port, feed=feed, desk=desk)
    async with demo as found:
        _ready(found, desk, kept=kept, as_json=as_json)
        await asyncio.Event().wait()


def _ready(demo: Demo, desk: Path, *, kept: bool, as_json: bool) -> None:
    if as_json:
        urls = {name: one.url for name, one in demo.providers.items()}
        _line({
            "shop": demo.shop_url, "console": demo.console_url, "providers": urls,
            "database": str(demo.database), "desk": str(desk),
        })  # fmt: skip
        return
    for name, value in (
        ("Shop", f"{demo.shop_url}/"),
        ("Account", f"{demo.shop_url}/account  (let time pass there, or break things)"),
        ("Live", f"{demo.shop_url}/live  (what happens, as it happens)"),
        ("Routing", f"{demo.shop_url}/decisions"),
        *(
            (("Console", f"{demo.console_url}  (what its operator sees, and can do)"),)
            if demo.console_url
            else ()
        ),
        *((one.title, f"{one.url}/  (simulated)") for one in demo.providers.values()),
        ("Database", f"{demo.database}{'' if kept else '  (thrown away at the end)'}"),
        ("Commands", f"cd {shlex.quote(str(desk))} && {program()} attention  (or any other that reads)"),
        ("Key", f"{demo.key.reveal()}  (in PURCHASE_SANDBOX_KEY, for `purchase sandbox{_elsewhere(demo)}`)"),
    ):
        say(f"{name.ljust(10)} {value}")
    say("\nBuy something in the shop. Any of the test cards on the payment page will do.")
    say("No money moves. Stop with ^C.\n")


def _elsewhere(demo: Demo) -> str:
    """What its commands have to be told where the first provider is not where they look for one."""
    url = next(iter(demo.providers.values())).url
    return "" if url == DEFAULT_URL else f" … --url {url}"


def program() -> str:
    """How the command line is called from another terminal, where nobody has activated anything."""
    if shutil.which("purchase"):
        return "purchase"
    called = Path(sys.argv[0]).absolute()  # from another folder, too
    if called.stem == "purchase":
        return shlex.quote(str(called))
    return f"{shlex.quote(sys.executable)} -m purchase_core.cli.main"


def _tell(line: Line) -> None:
    """What became true, and the webhooks that told of it."""
    if line.kind == "webhook":
        text = f"{time_of(line.at)}    → {line.name.ljust(32)} {line.about}  {line.outcome}"
    else:
        text = f"{time_of(line.at)}  {line.name.ljust(24)} {line.outcome}  {line.about}"
    click.echo(printable(text))


def _tell_as_json(line: Line) -> None:
    if line.kind == "webhook":
        told = {"webhook": line.name, "connection": line.about, "outcome": line.outcome}
    else:
        told = {"event": line.name, "about": line.about, "lane": line.outcome}
    _line({**told, "at": time_of(line.at)})


def _line(document: dict[str, object]) -> None:
    click.echo(msgspec.json.encode({"schema_version": SCHEMA_VERSION, **document}).decode())
