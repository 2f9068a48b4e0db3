"""`purchase work`."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress

import click

from purchase_core.cli.app import find_app
from purchase_core.cli.output import json_option, print_json, print_pairs, say
from purchase_core.errors import PurchaseError
from purchase_core.opening import Opening
from purchase_core.operations.worker import Stop


@click.command()
@click.option("--once", is_flag=True, help="Do what there is to do now, and end: for a cron job.")
@json_option
@click.pass_context
def work(context: click.Context, *, once: bool, as_json: bool) -> None:
    """Work off what waits, for as long as it runs: deliveries, and commands without an answer.

    Run as many as you like where the store allows several writers. ^C or SIGTERM: it finishes what it is in
    the middle of, and ends with code 0; a second one ends it at once, and its leases run out by themselves.

    \b
    Examples:
      purchase work
      purchase work --once --json
    """
    counts = asyncio.run(_work(find_app(context), once=once, quiet=as_json))
    if as_json:
        print_json({"worked": counts})
    else:
        print_pairs([(name, f"{count:,}") for name, count in counts.items()])


async def _work(opening: Opening, *, once: bool, quiet: bool) -> dict[str, int]:
    counts: dict[str, int] = {}

    def tell(task: str, count: int) -> None:
        counts[task] = counts.get(task, 0) + count
        if not (quiet or once):
            say(f"{count:,} {task}")

    async with opening as billing:
        worker = billing.worker()
        if once:
            try:
                return dict(await worker.once(tell))
            except PurchaseError:
                done = ", ".join(f"{count:,} {task}" for task, count in counts.items())
                say(f"Done all the same: {done or 'nothing'}.")
                raise
        stop = Stop()
        with suppress(NotImplementedError):  # on Windows, ^C ends the process at once
            for name in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(name, _finish, stop, name)
        say("Working; ^C to finish.")
        await worker.run(stop, tell)
    return counts


def _finish(stop: Stop, name: signal.Signals) -> None:
    """The first signal finishes; the next one is as it would be without us."""
    stop.set()
    asyncio.get_running_loop().remove_signal_handler(name)
