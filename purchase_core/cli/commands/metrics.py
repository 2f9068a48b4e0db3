"""`purchase metrics`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click

from purchase_core.cli.app import find_app
from purchase_core.cli.exit_codes import DIFFERENCES
from purchase_core.cli.output import json_option, print_json, print_table, say
from purchase_core.opening import Opening
from purchase_core.operations.alerts import ALERTS, Alert, firing, rules
from purchase_core.operations.exposition import exposition
from purchase_core.operations.metrics import Sample


@click.command()
@click.option("--alerts", is_flag=True, help="The alert rules, as a file for Prometheus; opens nothing.")
@click.option("--text", "as_text", is_flag=True, help="As Prometheus reads it.")
@click.option("--exit-code", is_flag=True, help="Exit 3 if a number is one to be alerted by.")
@json_option
@click.pass_context
def metrics(context: click.Context, *, alerts: bool, as_text: bool, exit_code: bool, as_json: bool) -> None:
    """What waits, as numbers, and which of them are worth an alert.

    \b
    Examples:
      purchase metrics
      purchase metrics --alerts               rules for Prometheus
      purchase metrics --exit-code --json    where no Prometheus is
    """
    if alerts and as_json:
        print_json({"rules": [_rule(one) for one in ALERTS]})
        return
    if alerts:
        click.echo(rules(), nl=False)
        return
    samples = asyncio.run(_read(find_app(context)))
    found = firing(samples)
    if as_json:
        print_json(
            {
                "metrics": [
                    {"name": one.name, "labels": dict(one.labels), "value": one.value} for one in samples
                ],
                "alerts": [
                    {**_named(alert), "labels": dict(sample.labels), "value": sample.value}
                    for alert, sample in found
                ],
            }
        )
    elif as_text:
        click.echo(exposition(samples), nl=False)
    else:
        rows = [[one.name, _labels(one), f"{one.value:,}"] for one in samples]
        print_table(["metric", "of", "value"], rows, empty="There is nothing to count.")
        for alert, sample in found:
            say(f"{alert.name}: {alert.summary} ({_labels(sample)}) {alert.runbook}", head="Alert", fg="red")
    if exit_code and found:
        context.exit(DIFFERENCES)


def _named(alert: Alert) -> dict[str, object]:
    return {
        "name": alert.name,
        "severity": alert.severity,
        "summary": alert.summary,
        "runbook": alert.runbook,
    }


def _rule(alert: Alert) -> dict[str, object]:
    return {**_named(alert), "expression": alert.expression, "for_seconds": alert.for_seconds}


async def _read(opening: Opening) -> Sequence[Sample]:
    async with opening.reading() as billing:
        return await billing.metrics.read()


def _labels(sample: Sample) -> str:
    return " ".join(f"{name}={value}" for name, value in sample.labels)
