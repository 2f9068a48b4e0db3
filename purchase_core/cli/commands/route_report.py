"""`purchase route report`: the arms of an A/B test, and the policy in the shadow."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click
import msgspec

from purchase_core.cli.app import find_app
from purchase_core.cli.output import (
    instant_of,
    json_option,
    print_json,
    print_pairs,
    print_table,
    say,
    time_of,
)
from purchase_core.instants import DAY, Instant, SystemClock
from purchase_core.opening import Opening
from purchase_core.routing.estimate import Estimate
from purchase_core.routing.experiment import Experiment

SINCE_DAYS = 30


@click.command("report", short_help="What came of the arms of a share, and of a shadow.")
@click.option("--since", metavar="TIME", help=f"ISO 8601 with a zone; else {SINCE_DAYS} days ago.")
@click.option("--html", type=click.Path(dir_okay=False), metavar="FILE", help="Write a page with charts.")
@json_option
@click.pass_context
def report_command(context: click.Context, *, since: str | None, html: str | None, as_json: bool) -> None:
    """The arms of an A/B test with 95 % intervals, whether the guardrail stops one, and how often a second
    policy in the shadow would have gone elsewhere.

    Only checkouts that the policy in force has dealt out by chance count.

    \b
    Examples:
      purchase route report
      purchase route report --html report.html
    """
    start = instant_of("--since", since) if since else Instant(SystemClock().now() - SINCE_DAYS * DAY)

    async def ask(opening: Opening) -> Experiment:
        async with opening.reading() as billing:
            return await billing.routing.experiment(start)

    found = asyncio.run(ask(find_app(context)))
    if html:
        from purchase_core.routing.report import experiment_page  # noqa: PLC0415  # only for those who want one

        Path(html).write_text(experiment_page(found, since=time_of(start)), "utf-8")
        say(f"Wrote {html}")
    if as_json:
        print_json({"since": time_of(start), "experiment": msgspec.to_builtins(found)})
        return
    print_experiment(found)


def print_experiment(found: Experiment) -> None:
    """An experiment for people."""
    from purchase_core.routing.report import guarded  # noqa: PLC0415  # as above

    print_pairs(
        [
            ("checkouts", f"{found.checkouts:,}"),
            ("not by chance", f"{found.excluded:,}"),
            ("too young to tell", f"{found.censored:,}"),
        ]
    )
    click.echo()
    rows = [
        [one.connection, f"{one.dealt:,}", f"{one.paid:,} of {one.finished:,}", percent(one.rate),
         percent(one.change, sign="+"), f"{one.refunded:,}", f"{one.disputed:,}", guarded(one)]
        for one in found.arms
    ]  # fmt: skip
    heads = ["arm", "dealt", "paid", "rate (95 %)", "against the first", "refunded", "disputed", "guardrail"]
    print_table(heads, rows, empty="No checkout was dealt out by chance.")
    if found.shadow is None:
        return
    click.echo()
    shadow = found.shadow
    print_pairs([("shadow agrees", f"{shadow.agreed:,}"), ("differs", f"{shadow.differed:,}"),
                 ("fails", f"{shadow.failed:,}")])  # fmt: skip
    cells = [[one.live, one.shadow, f"{one.count:,}"] for one in shadow.pairs]
    print_table(["goes to", "would go to", "checkouts"], cells, empty="")


def percent(one: Estimate, *, sign: str = "") -> str:
    """An estimate in percent, with its interval."""
    if one.mean is None:
        return "unknown"
    text = f"{100 * one.mean:{sign}.2f} %"
    if one.low is None or one.high is None:
        return text
    return f"{text} ({100 * one.low:{sign}.2f} to {100 * one.high:{sign}.2f})"
