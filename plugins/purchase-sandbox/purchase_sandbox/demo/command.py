"""`purchase demo`: the shop for people, or a first sale played in the terminal."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from purchase_core.cli.exit_codes import FAILED, OK
from purchase_core.cli.output import json_option, print_json, say

EXAMPLES = """
\b
Examples:
  purchase demo                    the shop, until ^C
  purchase demo --headless         a first sale, step by step
  purchase demo --headless --json  the same, for machines
"""


@click.command(epilog=EXAMPLES)
@click.option("--headless", is_flag=True, help="Play a first sale in the terminal, and exit 0 if it was one.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8_000, show_default=True, help="Of the shop.")
@click.option("--sandbox-port", type=click.IntRange(0, 65_535), default=4_242, show_default=True)
@click.option("--db", metavar="FILE", help="Keep the database here; else it is thrown away.")
@json_option
def demo(*, headless: bool, port: int, sandbox_port: int, db: str | None, as_json: bool) -> int:
    """A shop, the sandbox provider and a database file, with webhooks over HTTP between them.

    Nothing is configured and no money moves.
    """
    if headless:
        return asyncio.run(_headless(as_json=as_json))
    # The server and the pages are imported when they are wanted.
    from .live import serve  # noqa: PLC0415

    asyncio.run(serve(port, sandbox_port, Path(db) if db else None, as_json=as_json))
    return OK


async def _headless(*, as_json: bool) -> int:
    from .headless import SaleFailed, Step, play  # noqa: PLC0415

    def tell(step: Step) -> None:
        if as_json:
            return
        click.echo(f"{click.style(step.name, bold=True)}  {click.style(f'{step.milliseconds} ms', dim=True)}")
        for line in step.lines:
            click.echo(f"  {line}")

    try:
        sale = await play(tell)
    except SaleFailed as failed:
        if as_json:
            print_json({"sold": False, "error": {"code": "sale_failed", "message": str(failed)}})
        else:
            say(f"{click.style('The sale failed:', fg='red')} {failed}")
        return FAILED
    if as_json:
        steps = [
            {"step": one.name, "lines": one.lines, "milliseconds": one.milliseconds} for one in sale.steps
        ]
        fields = {"sold": sale.sold, "receipt": sale.receipt, "milliseconds": sale.milliseconds}
        print_json({**fields, "steps": steps})
    elif sale.sold:
        say(f"{click.style('Sold.', fg='green')} The entitlement is there, after {sale.milliseconds} ms.")
    else:
        say(click.style("Not sold: the entitlement is not there.", fg="red"))
    return OK if sale.sold else FAILED
