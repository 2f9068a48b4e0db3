"""`purchase webhooks`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click

from purchase_core.cli.app import find_app
from purchase_core.cli.output import (
    json_option,
    print_json,
    print_pairs,
    print_table,
    printable,
    say,
    time_of,
)
from purchase_core.opening import Opening
from purchase_core.records.delivery import DONE, IGNORED, PENDING, QUARANTINED, Delivery

LIMIT_MAX = 1_000


@click.group()
def webhooks() -> None:
    """What arrived from providers, and how far it got.

    \b
    Examples:
      purchase webhooks list --state quarantined
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


@webhooks.command(short_help="Have what is quarantined tried again.")
@click.argument("delivery_id", metavar="ID", required=False, default="")
@click.option("--all", "all_", is_flag=True, help="Every quarantined delivery.")
@click.option("--reason", default="", metavar="TEXT", help="With --all: only of this reason.")
@json_option
@click.pass_context
def retry(context: click.Context, delivery_id: str, *, all_: bool, reason: str, as_json: bool) -> None:
    """Have a quarantined delivery tried again, or all of them; a worker takes them up.

    \b
    Examples:
      purchase webhooks retry delivery_…
      purchase webhooks retry --all --reason malformed_body
    """
    if bool(delivery_id) == all_:
        raise click.UsageError("Name one delivery, or say --all.")
    tried = asyncio.run(_retry(find_app(context), delivery_id, reason))
    if as_json:
        print_json({"deliveries": tried})
    else:
        say(f"{len(tried):,} will be tried again. `purchase work` works them off.")


async def _list(opening: Opening, state: str, before: str, limit: int) -> Sequence[Delivery]:
    async with opening.reading() as billing:
        return await billing.webhooks.list(state=state, before_id=before, limit=limit)


async def _show(opening: Opening, delivery_id: str) -> Delivery:
    async with opening.reading() as billing:
        return await billing.webhooks.show(delivery_id)


async def _retry(opening: Opening, delivery_id: str, reason: str) -> list[str]:
    async with opening as billing:
        if delivery_id:
            return [(await billing.webhooks.retry(delivery_id)).id]
        chosen: list[Delivery] = []
        before = ""
        while True:
            page = await billing.webhooks.list(state=QUARANTINED, before_id=before, limit=LIMIT_MAX)
            chosen += [one for one in page if reason in one.reason]
            if len(page) < LIMIT_MAX:
                break
            before = page[-1].id
        return [(await billing.webhooks.retry(one.id)).id for one in chosen]


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
