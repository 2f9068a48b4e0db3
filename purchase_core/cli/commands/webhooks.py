"""`purchase webhooks`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
import msgspec

from purchase_core.cli.app import find_app
from purchase_core.cli.asking import make_sure, yourself
from purchase_core.cli.output import (
    json_option,
    print_json,
    print_pairs,
    print_table,
    printable,
    say,
    time_of,
    with_times,
)
from purchase_core.opening import Opening
from purchase_core.operations.quarantine import Chosen, Group
from purchase_core.records.delivery import DONE, IGNORED, PENDING, QUARANTINED, Delivery

LIMIT_MAX = 1_000

F = TypeVar("F", bound=Callable[..., Any])


@click.group()
def webhooks() -> None:
    """What arrived from providers, and how far it got.

    \b
    Examples:
      purchase webhooks quarantine
      purchase webhooks show delivery_… --body
      purchase webhooks retry --all
    """


@webhooks.command("list")
@click.option("--state", type=click.Choice([PENDING, DONE, IGNORED, QUARANTINED]), help="Only these.")
@click.option(
    "--limit", type=click.IntRange(1, LIMIT_MAX), default=20, show_default=True, help="How many at most."
)
@click.option("--before", default="", metavar="ID", help="Older than this one: the next page.")
@json_option
@click.pass_context
def list_(context: click.Context, *, state: str | None, limit: int, before: str, as_json: bool) -> None:
    """Deliveries, newest first.

    \b
    Examples:
      purchase webhooks list
      purchase webhooks list --state pending    what has not been worked off
      purchase webhooks list --limit 1000 --json

    \b
    States:
      pending        kept, and tried again when it is due
      done           its facts are in
      ignored        it means nothing here, and the reason says why
      quarantined    it can never be understood as it is, and the reason says why
    """
    found = asyncio.run(_list(find_app(context), state or "", before, limit))
    if as_json:
        print_json({"deliveries": [_document(one) for one in found]})
        return
    rows = [
        [
            one.id,
            time_of(one.received_at),
            one.connection,
            one.event_type,
            one.state,
            str(one.attempts),
            one.reason,
        ]
        for one in found
    ]
    headers = ["id", "received", "connection", "type", "state", "tries", "reason"]
    print_table(headers, rows, empty="No deliveries. Has the provider been told where to send them?")
    if len(found) == limit:
        say(f"More: purchase webhooks list --before {found[-1].id}")


@webhooks.command()
@click.argument("delivery_id", metavar="ID")
@click.option("--body", is_flag=True, help="Show the body too; it may hold personal data.")
@json_option
@click.pass_context
def show(context: click.Context, delivery_id: str, *, body: bool, as_json: bool) -> None:
    """One delivery, by its id.

    \b
    Examples:
      purchase webhooks show delivery_…
      purchase webhooks show delivery_… --body --json
    """
    found = asyncio.run(_show(find_app(context), delivery_id))
    document = _document(found)
    if body:
        document["body"] = found.body.decode("utf-8", "replace")
    if as_json:
        print_json({"delivery": document})
        return
    print_pairs([(name, str(value)) for name, value in document.items() if name != "body"])
    if body:
        click.echo(printable(str(document["body"])))
    else:
        say(f"{len(found.body):,} bytes; --body shows them.")


@webhooks.command(short_help="What could not be worked off, by cause.")
@json_option
@click.pass_context
def quarantine(context: click.Context, *, as_json: bool) -> None:
    """What is quarantined, by cause and by the code that judged it; the most first.

    \b
    Examples:
      purchase webhooks quarantine
      purchase webhooks quarantine --json

    What other code has judged is tried again by a worker of this code.
    """
    found = asyncio.run(_groups(find_app(context)))
    if as_json:
        print_json({"groups": [with_times(msgspec.to_builtins(one)) for one in found]})
        return
    rows = [
        [
            f"{one.count:,}",
            one.cause.connection,
            one.cause.event_type,
            one.reason,
            time_of(one.first_at),
            "by itself" if one.outdated else "no",
            one.examples[0],
        ]
        for one in found
    ]
    headers = ["count", "connection", "type", "reason", "since", "tried again", "for example"]
    print_table(headers, rows, empty="Nothing is quarantined.")


def _choosing(command: F) -> F:
    """Options that say which of the quarantined deliveries are meant."""
    for option in (
        click.option("--reason", default="", metavar="TEXT", help="With --all: whose reason holds this."),
        click.option("--error", default="", metavar="CODE", help="With --all: that failed on this error."),
        click.option("--type", "event_type", default="", metavar="TYPE", help="With --all: of this type."),
        click.option("--connection", default="", metavar="NAME", help="With --all: of this connection."),
        click.option("--all", "all_", is_flag=True, help="Every quarantined delivery."),
        click.argument("delivery_id", metavar="ID", required=False, default=""),
    ):
        command = option(command)
    return command


@webhooks.command(short_help="Have what is quarantined tried again.")
@_choosing
@json_option
@click.pass_context
def retry(context: click.Context, /, delivery_id: str, *, all_: bool, as_json: bool, **chosen: str) -> None:
    """Have a quarantined delivery tried again, or all of them; a worker takes them up.

    \b
    Examples:
      purchase webhooks retry delivery_…
      purchase webhooks retry --all --type invoice.paid --error malformed_body
    """
    if bool(delivery_id) == all_:
        raise click.UsageError("Name one delivery, or say --all.")
    tried = asyncio.run(_retry(find_app(context), delivery_id, Chosen(**chosen)))
    if as_json:
        print_json({"deliveries": tried})
    else:
        say(f"{len(tried):,} will be tried again. `purchase work` works them off.")


@webhooks.command(short_help="Give up what is quarantined, and say why.")
@_choosing
@click.option("--because", default="", metavar="TEXT", help="Why it is given up. Required.")
@click.option("--by", default="", metavar="NAME", help="Who says so; else the name you are logged in with.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def discard(
    context: click.Context,
    /,
    delivery_id: str,
    *,
    all_: bool,
    because: str,
    by: str,
    yes: bool,
    as_json: bool,
    **chosen: str,
) -> None:
    """Give up a quarantined delivery, or all of them: they are ignored, and say who said so and why.

    They are kept, and `purchase replay` can still read them.

    \b
    Examples:
      purchase webhooks discard delivery_… --because "a test of the provider's"
      purchase webhooks discard --all --type customer.odd --because "unused"
    """
    if bool(delivery_id) == all_:
        raise click.UsageError("Name one delivery, or say --all.")
    if not because.strip():
        raise click.UsageError("Say why: --because TEXT.")
    if all_:
        make_sure("Give up every delivery that is meant?", yes=yes)
    opening = find_app(context)
    given_up = asyncio.run(_discard(opening, delivery_id, Chosen(**chosen), by or yourself(), because))
    if as_json:
        print_json({"deliveries": given_up})
    else:
        say(f"{len(given_up):,} are given up.")


async def _list(opening: Opening, state: str, before: str, limit: int) -> Sequence[Delivery]:
    async with opening.reading() as billing:
        return await billing.webhooks.list(state=state, before_id=before, limit=limit)


async def _show(opening: Opening, delivery_id: str) -> Delivery:
    async with opening.reading() as billing:
        return await billing.webhooks.show(delivery_id)


async def _groups(opening: Opening) -> Sequence[Group]:
    async with opening.reading() as billing:
        return await billing.quarantine.groups()


async def _retry(opening: Opening, delivery_id: str, chosen: Chosen) -> list[str]:
    async with opening as billing:
        if delivery_id:
            return [(await billing.webhooks.retry(delivery_id)).id]
        meant = [one async for one in billing.quarantine.each(chosen)]
        if meant:
            await billing.quarantine.retry(meant, note=yourself())
        return [one.id for one in meant]


async def _discard(opening: Opening, delivery_id: str, chosen: Chosen, by: str, because: str) -> list[str]:
    async with opening as billing:
        if delivery_id:
            meant = [await billing.webhooks.show(delivery_id)]
        else:
            meant = [one async for one in billing.quarantine.each(chosen)]
        if meant:
            await billing.quarantine.discard(meant, by=by, reason=because)
        return [one.id for one in meant]


def _document(one: Delivery) -> dict[str, object]:
    return {
        "id": one.id,
        "connection": one.connection,
        "event": one.event_id,
        "type": one.event_type,
        "object": one.object,
        "occurred_at": time_of(one.occurred_at),
        "received_at": time_of(one.received_at),
        "source": one.source,
        "state": one.state,
        "reason": one.reason,
        "attempts": one.attempts,
        "next_try_at": time_of(one.available_at) if one.state == PENDING else "",
    }
