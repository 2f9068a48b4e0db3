"""`purchase route`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click
import msgspec

from purchase_core.cli import exit_codes
from purchase_core.cli.app import find_app
from purchase_core.cli.commands.simulating import simulate_command
from purchase_core.cli.output import (
    instant_of,
    json_option,
    print_json,
    print_pairs,
    print_table,
    say,
    time_of,
    with_times,
)
from purchase_core.config.load import load_policy
from purchase_core.errors import InvalidArgument
from purchase_core.instants import DAY, Instant, SystemClock
from purchase_core.opening import Opening
from purchase_core.ports.router import Attribute, RoutingDecision
from purchase_core.routing.backtest import Backtest
from purchase_core.routing.estimate import Estimate
from purchase_core.routing.intervals import wilson
from purchase_core.routing.router import PolicyRouter
from purchase_core.workflows.context import RouteContext, Scalar
from purchase_core.workflows.routing import Verification

SINCE_DAYS = 30


@click.group()
def route() -> None:
    """Where checkouts go, and why; trying a policy before it is live.

    \b
    Examples:
      purchase route explain --offer app:pro --customer user_1
      purchase route verify receipt_…
      purchase route rates
      purchase route backtest --policy new.toml
      purchase route simulate --offer app:pro --outage stripe:60-120
    """


@route.command(short_help="Where such a checkout would go now, and why.")
@click.option("--offer", required=True, metavar="OFFER", help="What is sold, as product:plan.")
@click.option("--customer", required=True, metavar="ID", help="The application's id of the customer.")
@click.option("--quantity", type=int, default=1, show_default=True, help="How many.")
@click.option("--currency", default="", metavar="CODE", help="Else the offer's first.")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE",
    help="country, channel, or an attribute that the policy declares. Repeatable.",
)  # fmt: skip
@click.option("--key", default="", metavar="KEY", help="The idempotency key, which seeds chance.")
@json_option
@click.pass_context
def explain(
    context: click.Context,
    *,
    offer: str,
    customer: str,
    quantity: int,
    currency: str,
    settings: tuple[str, ...],
    key: str,
    as_json: bool,
) -> None:
    """Where such a checkout would go now, and why. Nothing is written and nobody is called.

    The health of connections is what the processes that sell know; here they count as well.

    \b
    Examples:
      purchase route explain --offer app:pro --customer user_1
      purchase route explain --offer app:pro --customer user_1 --set country=DE
    """

    async def ask(opening: Opening) -> RoutingDecision:
        async with opening.reading() as billing:
            about = context_of(settings, dict(billing.routing.router.attributes))
            return await billing.routing.explain(
                customer=customer, offer=offer, quantity=quantity, currency=currency, context=about, key=key
            )

    decision = asyncio.run(ask(find_app(context)))
    if as_json:
        print_json({"decision": with_times(msgspec.to_builtins(decision))})
        return
    print_decision(decision)


@route.command(short_help="Whether a recorded decision comes out the same again.")
@click.argument("receipt", metavar="RECEIPT")
@json_option
@click.pass_context
def verify(context: click.Context, receipt: str, *, as_json: bool) -> int:
    """Run a receipt's routing decision again, by its recorded inputs and policy, and compare bytes.

    Ends with 1 where it does not come out the same, or cannot be run again.

    \b
    Examples:
      purchase route verify receipt_…
      purchase route verify receipt_… --json
    """

    async def ask(opening: Opening) -> Verification:
        async with opening.reading() as billing:
            return await billing.routing.verify(receipt)

    found = asyncio.run(ask(find_app(context)))
    if as_json:
        print_json({"verification": with_times(msgspec.to_builtins(found))})
    elif found.same:
        click.echo(f"The same, byte for byte: {', '.join(found.recorded.order) or 'nowhere'}.")
    elif found.why_not:
        click.echo(f"Cannot be run again: {found.why_not}.")
    else:
        click.echo(f"Not the same: {', '.join(found.differs) or 'only the bytes'}.")
    return exit_codes.OK if found.same else exit_codes.FAILED


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

    async def ask(opening: Opening) -> Backtest:
        async with opening.reading() as billing:
            return await billing.routing.backtest(router, start)

    found = asyncio.run(ask(find_app(context)))
    if html:
        from purchase_core.routing.report import backtest_page  # noqa: PLC0415  # only for those who want one

        Path(html).write_text(backtest_page(found, since=time_of(start)), "utf-8")
        say(f"Wrote {html}")
    if as_json:
        print_json({"since": time_of(start), "backtest": msgspec.to_builtins(found)})
        return
    print_backtest(found)


route.add_command(simulate_command)


# --- showing -------------------------------------------------------------------------------------


def context_of(settings: tuple[str, ...], declared: dict[str, Attribute]) -> RouteContext:
    """What `--set` says. Raises InvalidArgument."""
    said: dict[str, str] = {}
    for one in settings:
        name, separator, value = one.partition("=")
        if not separator:
            raise InvalidArgument("--set must be NAME=VALUE", hint="Such as --set country=DE.")
        said[name.strip()] = value.strip()
    attributes = {
        name: _typed(name, value, declared.get(name, Attribute()))
        for name, value in said.items()
        if name not in ("country", "channel")
    }
    return RouteContext(said.get("country", ""), said.get("channel", ""), attributes)


def _typed(name: str, value: str, attribute: Attribute) -> Scalar:
    if attribute.kind == "flag":
        if value not in ("true", "false"):
            raise InvalidArgument(f"--set {name} must be true or false")
        return value == "true"
    if attribute.kind == "number":
        try:
            return int(value)
        except ValueError:
            raise InvalidArgument(f"--set {name} must be a whole number") from None
    return value


def print_decision(decision: RoutingDecision) -> None:
    """A decision for people: where it goes, and each connection's verdict."""
    where = " then ".join(decision.order) or f"nowhere ({decision.refused})"
    print_pairs(
        [
            ("goes to", where),
            ("rule", decision.rule or "-"),
            ("policy", f"{decision.router} {decision.policy}"),
            ("seed", decision.seed),
        ]
    )
    click.echo()
    rows = [
        [
            one.connection,
            f"{one.step}: {one.excluded}" if one.excluded else "can take it",
            f"{100 * one.propensity:.0f} %",
            f"{one.score:.4g}",
            ", ".join(f"{name} {value:+.4g}" for name, value in one.scores),
            "; ".join(one.notes),
        ]
        for one in decision.verdicts
    ]
    print_table(
        ["connection", "verdict", "chance", "score", "made of", "notes"],
        rows,
        empty="No connection is configured.",
    )
    for one in decision.troubles:
        say(f"plugin {one.plugin} {one.kind} {one.detail}", head="Note:", fg="yellow")


def print_backtest(found: Backtest) -> None:
    """A backtest for people."""
    print_pairs(
        [
            ("checkouts", f"{found.checkouts:,}"),
            ("go where they went", f"{found.same:,}"),
            ("go elsewhere", f"{found.differ:,} (nowhere: {found.nowhere:,})"),
            ("too young to tell", f"{found.censored:,}"),
            ("outcome unknown", f"{found.unknown:,}"),
            ("success", f"{_percent(found.success_was)} -> {_percent(found.success)}"),
            ("change in success", _percent(found.success_change, sign="+")),
            ("cost", f"{_percent(found.cost_was)} -> {_percent(found.cost)}"),
            ("change in cost", _percent(found.cost_change, sign="+")),
            ("evidence is worth", f"{found.success.effective:,.0f} checkouts"),
        ]
    )
    click.echo()
    rows = [
        [one.connection, f"{one.was:,}", f"{one.would:,.1f}", _percent(one.success)] for one in found.parts
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


def _percent(one: Estimate, *, sign: str = "") -> str:
    if one.mean is None:
        return "unknown"
    text = f"{100 * one.mean:{sign}.2f} %"
    if one.low is None or one.high is None:
        return text
    return f"{text} ({100 * one.low:{sign}.2f} to {100 * one.high:{sign}.2f})"
