"""`purchase demo`: the shop for people, or a story played in the terminal."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from purchase_core.cli.exit_codes import OK
from purchase_core.cli.output import json_option
from purchase_core.cli.serving import run_until_stopped
from purchase_core.errors import InvalidArgument
from purchase_sandbox.local_providers import PROVIDERS

LOOPBACK, SHOP_PORT, PROVIDER_PORT = "127.0.0.1", 8_000, 4_242
STORIES = ("sale", "life", "catalog", "routing")
INCIDENTS = ("list", *(str(number) for number in range(1, 11)))


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
@click.option("--headless", is_flag=True, help="Play a story in the terminal; exit 0 if it went well.")
@click.option(
    "--story",
    type=click.Choice(STORIES),
    help="What to play: a first sale, customers' whole lives, the catalog's rollout, or several providers.",
)
@click.option("--catalog", is_flag=True, help="The same as --story catalog.")
@click.option(
    "--incident",
    type=click.Choice(INCIDENTS),
    metavar="NUMBER",
    help="Something goes wrong, and an operator mends it; `list` says what there is.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    metavar="PORT",
    help=f"Where the shop (or an incident's console) listens; else {SHOP_PORT}, or a free one.",
)
@click.option(
    "--provider-port",
    type=click.IntRange(0, 65_535),
    metavar="PORT",
    help=f"Where the provider listens, and the next one behind it; else {PROVIDER_PORT}, or free ones.",
)
@click.option("--db", metavar="FILE", help="Keep the database in this new file; else it is thrown away.")
@json_option
def demo(
    *,
    providers: tuple[str, ...],
    headless: bool,
    story: str | None,
    catalog: bool,
    incident: str | None,
    port: int | None,
    provider_port: int | None,
    db: str | None,
    as_json: bool,
) -> int:
    """A shop, a provider and a database file, with webhooks over HTTP between them.

    \b
    Examples:
      purchase demo                      the shop, until ^C
      purchase demo --provider stripe    on a simulated Stripe, by its adapter
      purchase demo --headless           a first sale, step by step
      purchase demo --headless --json    the same, for machines
      purchase demo --db shop.db         keep what is sold, to look at it
      purchase demo --headless --story life --provider paddle
      purchase demo --catalog --headless --provider stripe
      purchase demo --headless --provider stripe --provider paddle
      purchase demo --incident list      what can go wrong in production
      purchase demo --incident 4         a customer has paid, and has nothing

    Nothing is configured and no money moves. A port of 0 is any free one. With --headless, free ports are
    taken, and any exit code but 0 means that something was not as it should be. An incident waits for Enter
    before each command, and leaves its console open at the end, unless it is --headless. The shop tells what
    happens as it happens; with --json, in one document a line.
    """
    if catalog and story not in (None, "catalog"):
        raise click.UsageError("--catalog is a story: there can be one of them.")
    story = "catalog" if catalog else story
    if story == "routing" and len(set(providers)) < 2:  # noqa: PLR2004  # a word of that story
        raise click.UsageError("that story needs two providers: --provider stripe --provider paddle")
    names = tuple(dict.fromkeys(providers))
    if incident:
        return _incident(incident, names, story, db, port, headless=headless, as_json=as_json)
    with _folder(db) as (folder, database):
        # The servers and the pages are imported when they are wanted.
        if headless:
            from .headless import play  # noqa: PLC0415

            told = story or ("routing" if len(names) > 1 else "sale")
            return run_until_stopped(play(told, names, database, as_json=as_json))
        from .live import serve  # noqa: PLC0415

        ports = (_chosen(port, SHOP_PORT), _chosen(provider_port, PROVIDER_PORT, len(names)))
        run_until_stopped(serve(names, *ports, database, folder, kept=db is not None, as_json=as_json))
        return OK


def _incident(
    incident: str,
    names: tuple[str, ...],
    story: str | None,
    db: str | None,
    port: int | None,
    *,
    headless: bool,
    as_json: bool,
) -> int:
    from .incident import play_incident, show_incidents  # noqa: PLC0415

    if incident == "list":
        return show_incidents(as_json=as_json)
    if story or len(names) > 1:
        raise click.UsageError("an incident is a story of its own, with one provider")
    with _folder(db) as (_, database):
        chosen = _chosen(port, SHOP_PORT)
        return play_incident(int(incident), names[0], database, chosen, headless=headless, as_json=as_json)


def _chosen(wished: int | None, usual: int, count: int = 1) -> int:
    """The port that was wished for; else the usual one, or 0 if it, or one of those behind it, is taken."""
    if wished is not None:
        return wished
    return usual if all(_is_free(port) for port in range(usual, usual + count)) else 0


def _is_free(port: int) -> bool:
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do
        try:
            listening.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


@contextmanager
def _folder(chosen: str | None) -> Iterator[tuple[Path, Path]]:
    """A folder that is gone at the end, and where the database is: in there, unless another was chosen."""
    database = Path(chosen).resolve() if chosen else None
    if database and database.exists():
        # It may hold an earlier sale, and refers to prices that the provider has forgotten.
        raise InvalidArgument(
            f"{database.name} is there already, and the provider begins anew each time",
            hint="Remove it, or name another file.",
        )
    with TemporaryDirectory(prefix="purchase-demo-") as folder:
        yield Path(folder), database or Path(folder) / "purchase.db"
