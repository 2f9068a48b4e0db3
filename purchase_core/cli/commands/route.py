"""`purchase route`."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click
import msgspec

from purchase_core.cli.app import find_app
from purchase_core.cli.commands.route_explain import explain_command, verify_command
from purchase_core.cli.commands.route_report import SINCE_DAYS, percent, report_command
from purchase_core.cli.commands.route_simulate import simulate_command
from purchase_core.cli.output import (
    instant_of,
    json_option,
    print_json,
    print_pairs,
    print_table,
    say,
    time_of,
)
from purchase_core.config.load import load_policy
from purchase_core.instants import DAY, Instant, SystemClock
from purchase_core.opening import Opening
from purchase_core.routing.backtest import Backtest, Trial
from purchase_core.routing.intervals import wilson
from purchase_core.routing.router import PolicyRouter


@click.group()
def route() -> None:
    """Where checkouts go, and why; trying a policy before it is live.

    \b
    Examples:
      purchase route explain --offer app:pro --customer user_1
      purchase route explain receipt_… --html decision.html
      purchase route verify receipt_…
      purchase route rates
      purchase route report
      purchase route backtest --policy new.toml
      purchase route simulate --offer app:pro --outage stripe:60-120
    """


@route.command(short_help="How many opened checkouts were paid, by connection.")
@json_option
@click.pass_context
def rates(context: click.Context, *, as_json: bool) -> None:
    """Opened and paid by connection and segment, as the router learns them, with 95 % intervals.

    \b
    Examples:
      purchase route rates
      purchase route rates --json
    """

    async def ask(opening: Opening) -> list[tuple[str, str, int, int]]:
        async with opening.reading() as billing:
            counts = await billing.routing.rates()
            return [
                (key[0], " ".join(key[1:]), seen.opened, seen.paid) for key, seen in sorted(counts.items())
            ]

    found = asyncio.run(ask(find_app(context)))
    intervals = [wilson(paid, opened) for _, _, opened, paid in found]
    if as_json:
        rows = [
            {"connection": name, "segment": segment, "opened": opened, "paid": paid, "low": low, "high": high}
            for (name, segment, opened, paid), (low, high) in zip(found, intervals, strict=True)
        ]
        print_json({"rates": rows})
        return
    cells = [
        [name, segment, f"{opened:,}", f"{paid:,}", f"{100 * low:.1f} to {100 * high:.1f} %"]
        for (name, segment, opened, paid), (low, high) in zip(found, intervals, strict=True)
    ]
    print_table(
        ["connection", "segment", "opened", "paid", "success (95 %)"],
        cells,
        empty="No checkout is older than the horizon yet.",
    )


@route.command(short_help="What a policy would have done over what was decided.")
@click.option("--policy", required=True, type=click.Path(dir_okay=False), metavar="FILE", help="A TOML file.")
@click.option("--since", metavar="TIME", help=f"ISO 8601 with a zone; else {SINCE_DAYS} days ago.")
@click.option("--html", type=click.Path(dir_okay=False), metavar="FILE", help="Write a page with charts.")
@json_option
@click.pass_context
def backtest(
    context: click.Context, *, policy: str, since: str | None, html: str | None, as_json: bool
) -> None:
    """Let a policy decide again what was decided, and estimate what would have come of it.

    FILE holds the keys of [router], at its top or under that heading. What the recorded policy never tried is
    unknown, and said so.

    \b
    Examples:
      purchase route backtest --policy new.toml
      purchase route backtest --policy new.toml --html backtest.html
    """
    start = instant_of("--since", since) if since else Instant(SystemClock().now() - SINCE_DAYS * DAY)
    router = PolicyRouter(load_policy(policy))

    async def ask(opening: Opening) -> list[Trial]:
        async with opening.reading() as billing:
            return await billing.routing.trials(router, start)

    from purchase_core.routing.cores import backtest_on_cores  # noqa: PLC0415  # only this one needs processes

    trials = asyncio.run(ask(find_app(context)))
    found = backtest_on_cores(router, trials, os.cpu_count() or 1)
    if html:
        from purchase_core.routing.report import backtest_page  # noqa: PLC0415  # only for those who want one

        Path(html).write_text(backtest_page(found, since=time_of(start)), "utf-8")
        say(f"Wrote {html}")
    if as_json:
        print_json({"since": time_of(start), "backtest": msgspec.to_builtins(found)})
        return
    print_backtest(found)


for command in (explain_command, verify_command, report_command, simulate_command):
    route.add_command(command)


# --- showing -------------------------------------------------------------------------------------


def print_backtest(found: Backtest) -> None:
    """A backtest for people."""
    print_pairs(
        [
            ("checkouts", f"{found.checkouts:,}"),
            ("go where they went", f"{found.same:,}"),
            ("go elsewhere", f"{found.differ:,} (nowhere: {found.nowhere:,})"),
            ("too young to tell", f"{found.censored:,}"),
            ("outcome unknown", f"{found.unknown:,}"),
            ("success", f"{percent(found.success_was)} -> {percent(found.success)}"),
            ("change in success", percent(found.success_change, sign="+")),
            ("cost", f"{percent(found.cost_was)} -> {percent(found.cost)}"),
            ("change in cost", percent(found.cost_change, sign="+")),
            ("evidence is worth", f"{found.success.effective:,.0f} checkouts"),
        ]
    )
    click.echo()
    rows = [
        [one.connection, f"{one.was:,}", f"{one.would:,.1f}", percent(one.success)] for one in found.parts
    ]
    print_table(
        ["connection", "went", "would go", "success seen there"], rows, empty="No checkouts since then."
    )
    if found.differences:
        click.echo()
        lines = [
            [one.receipt, one.offer, one.country, one.was, one.would or "nowhere", one.rule or "-"]
            for one in found.differences
        ]
        print_table(["receipt", "offer", "country", "went to", "would go to", "rule"], lines, empty="")
