"""`purchase demo`: the shop for people, or a story played in the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from purchase_core.cli.exit_codes import FAILED, OK
from purchase_core.cli.output import json_option, print_json, printable, say
from purchase_core.cli.serving import run_until_stopped
from purchase_core.errors import InvalidArgument
from purchase_sandbox.locals import PROVIDERS


@click.command()
@click.option(
    "--provider",
    "providers",
    multiple=True,
    type=click.Choice(PROVIDERS),
    default=PROVIDERS[:1],
    show_default=True,
    help="Who takes the money; several, and checkouts are routed.",
)
@click.option("--headless", is_flag=True, help="Play a first sale in the terminal, and exit 0 if it was one.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8_000,
    show_default=True,
    metavar="PORT",
    help="Where the shop listens; 0 takes a free one.",
)
@click.option(
    "--provider-port",
    type=click.IntRange(0, 65_535),
    default=4_242,
    show_default=True,
    metavar="PORT",
    help="Where the provider listens, and the next one behind it; likewise.",
)
@click.option("--db", metavar="FILE", help="Keep the database in this new file; else it is thrown away.")
@json_option
def demo(
    *,
    providers: tuple[str, ...],
    headless: bool,
    port: int,
    provider_port: int,
    db: str | None,
    as_json: bool,
) -> int:
    """A shop, a provider and a database file, with webhooks over HTTP between them.

    \b
    Examples:
      purchase demo                      the shop, until ^C
      purchase demo --provider stripe    the same on a simulated Stripe, by its own adapter
      purchase demo --headless           a first sale, step by step
      purchase demo --headless --json    the same, for machines
      purchase demo --db shop.db         keep what is sold, to look at it

    Nothing is configured and no money moves. With --headless, free ports are taken, and any exit code but 0
    means that the customer did not get what was paid for. The shop tells what happens as it happens; with
    --json, in one document a line.
    """
    names = tuple(dict.fromkeys(providers))
    with _database(db) as database:
        if headless:
            return run_until_stopped(_headless(names, database, as_json=as_json))
        # The server and the pages are imported when they are wanted.
        from .live import serve  # noqa: PLC0415

        kept = db is not None
        run_until_stopped(serve(names, port, provider_port, database, kept=kept, as_json=as_json))
        return OK


@contextmanager
def _database(chosen: str | None) -> Iterator[Path]:
    if chosen is None:
        with TemporaryDirectory(prefix="purchase-demo-") as folder:
            yield Path(folder) / "purchase.db"
        return
    database = Path(chosen).resolve()
    if database.exists():
        # It may hold an earlier sale, and refers to prices that the provider has forgotten.
        raise InvalidArgument(
            f"{database.name} is there already, and the provider begins anew each time",
            hint="Remove it, or name another file.",
        )
    yield database


async def _headless(names: tuple[str, ...], database: Path, *, as_json: bool) -> int:
    from .first_sale import Hearing, play  # noqa: PLC0415
    from .playing import Step, StoryFailed  # noqa: PLC0415
    from .running import running  # noqa: PLC0415

    def tell(step: Step) -> None:
        if as_json:
            return
        click.echo(f"{click.style(step.name, bold=True)}  {click.style(f'{step.milliseconds} ms', dim=True)}")
        for line in step.lines:
            click.echo(f"  {printable(line)}")

    hearing = Hearing("subscription.started")
    try:
        async with running(database, names, plugins=[hearing]) as demo:
            sale = await play(demo, hearing, tell)
    except StoryFailed as failed:
        if as_json:
            print_json({"sold": False, "error": {"code": "sale_failed", "message": str(failed)}})
        else:
            say(str(failed), head="The sale failed:", fg="red")
        return FAILED
    if as_json:
        steps = [
            {"step": one.name, "lines": one.lines, "milliseconds": one.milliseconds} for one in sale.steps
        ]
        fields = {"sold": sale.sold, "receipt": sale.receipt, "milliseconds": sale.milliseconds}
        print_json({"providers": names, **fields, "steps": steps})
    elif sale.sold:
        say(f"The entitlement is there, after {sale.milliseconds} ms.", head="Sold.", fg="green")
    else:
        say("the entitlement is not there.", head="Not sold:", fg="red")
    return OK if sale.sold else FAILED
