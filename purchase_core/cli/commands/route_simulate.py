"""`purchase route simulate`: traffic and outages for a policy."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import click
import msgspec

from purchase_core.cli.app import find_app
from purchase_core.cli.output import json_option, print_json, print_table, say
from purchase_core.config.load import load_policy
from purchase_core.errors import InvalidArgument
from purchase_core.opening import Opening
from purchase_core.ports.router import Router, RoutingDecision
from purchase_core.routing.router import PolicyRouter
from purchase_core.routing.simulation import Outage, Simulated, World, simulate

SUCCESS = 0.9
MINUTES_MAX, PER_MINUTE_MAX = 10_080, 1_000
_OUTAGE = re.compile(r"([a-z][a-z0-9_-]{0,47}):([0-9]{1,6})-([0-9]{1,6})", re.ASCII)


@click.command("simulate", short_help="What a policy does under traffic and outages.")
@click.option("--policy", type=click.Path(dir_okay=False), metavar="FILE", help="Else the one in force.")
@click.option("--offer", required=True, metavar="OFFER", help="What is sold, as product:plan.")
@click.option("--outage", "outages", multiple=True, metavar="NAME:FROM-TO", help="In minutes. Repeatable.")
@click.option(
    "--success", "rates", multiple=True, metavar="NAME=PART",
    help=f"What part of opened checkouts is paid; else {SUCCESS}. Repeatable.",
)  # fmt: skip
@click.option(
    "--minutes", type=click.IntRange(1, MINUTES_MAX), default=240, show_default=True, help="How long."
)
@click.option(
    "--per-minute", type=click.IntRange(1, PER_MINUTE_MAX), default=20, show_default=True, help="Checkouts."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Another one, another world.")
@click.option("--html", type=click.Path(dir_okay=False), metavar="FILE", help="Write a page with charts.")
@json_option
@click.pass_context
def simulate_command(
    context: click.Context,
    *,
    policy: str | None,
    offer: str,
    outages: tuple[str, ...],
    rates: tuple[str, ...],
    minutes: int,
    per_minute: int,
    seed: int,
    html: str | None,
    as_json: bool,
) -> None:
    """Send made-up customers through a policy while connections go down, and see where they end.

    \b
    Examples:
      purchase route simulate --offer app:pro --outage stripe:60-120
      purchase route simulate --offer app:pro --success paddle=0.8
    """

    async def ask(opening: Opening) -> tuple[RoutingDecision, Router]:
        async with opening.reading() as billing:
            asked = await billing.routing.explain(customer="customer_0", offer=offer)
            return asked, billing.routing.router

    asked, router = asyncio.run(ask(find_app(context)))
    if policy:
        router = PolicyRouter(load_policy(policy))
    names = [one.connection for one in asked.candidates]
    success = dict.fromkeys(names, SUCCESS) | dict(_rate(one, names) for one in rates)
    world = World(
        success=success,
        outages=tuple(_outage(one, names) for one in outages),
        minutes=minutes,
        per_minute=per_minute,
        seed=seed,
        starts=asked.request.at,
    )
    found = simulate(router, asked.request, asked.candidates, world)
    if html:
        from purchase_core.routing.report import simulation_page  # noqa: PLC0415  # only for those who want one

        Path(html).write_text(simulation_page(found), "utf-8")
        say(f"Wrote {html}")
    if as_json:
        print_json({"simulation": msgspec.to_builtins(found)})
        return
    _print(found)


def _print(found: Simulated) -> None:
    opened, paid, tried = (found.total(part) for part in ("opened", "paid", "tried"))
    rows = [[name, f"{opened[name]:,}", f"{paid[name]:,}", f"{tried[name]:,}"] for name in found.connections]
    print_table(["connection", "opened", "paid", "met an outage"], rows, empty="No connection is configured.")
    moved = sum(one.failed_over for one in found.slices)
    lost = sum(one.nowhere for one in found.slices)
    click.echo(f"{moved:,} failed over, {lost:,} found no way.")


def _outage(written: str, names: list[str]) -> Outage:
    matched = _OUTAGE.fullmatch(written)
    if matched is None or int(matched[2]) >= int(matched[3]):
        raise InvalidArgument("--outage must be NAME:FROM-TO", hint="Such as --outage stripe:60-120.")
    return Outage(_known(matched[1], names), int(matched[2]), int(matched[3]))


def _rate(written: str, names: list[str]) -> tuple[str, float]:
    name, _, part = written.partition("=")
    try:
        rate = float(part)
    except ValueError:
        rate = -1.0
    if not 0.0 <= rate <= 1.0:
        raise InvalidArgument("--success must be NAME=PART", hint="Such as --success stripe=0.85.")
    return _known(name, names), rate


def _known(name: str, names: list[str]) -> str:
    if name not in names:
        raise InvalidArgument(
            f"connection {name[:48]!r} is not configured", hint=f"There are {', '.join(names)}."
        )
    return name
