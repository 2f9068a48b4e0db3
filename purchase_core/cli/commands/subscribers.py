"""`purchase subscribers`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click
import msgspec

from purchase_core.cli.app import find_app
from purchase_core.cli.asking import make_sure
from purchase_core.cli.output import json_option, print_json, print_table, say, with_times
from purchase_core.opening import Opening
from purchase_core.outbox.subscribers import LISTED_MAX, Stuck, SubscriberState


@click.group()
def subscribers() -> None:
    """Who is told of what happens, how far they are, and where they are stuck.

    \b
    Examples:
      purchase subscribers list
      purchase subscribers stuck licences
      purchase subscribers retry licences --all
    """


@subscribers.command("list", short_help="Who there is, and who waits or is stuck.")
@json_option
@click.pass_context
def list_(context: click.Context, *, as_json: bool) -> None:
    """Every subscriber: for how many customers something waits, and for how many it is stuck.

    \b
    Examples:
      purchase subscribers list
      purchase subscribers list --json
    """

    async def found(opening: Opening) -> Sequence[SubscriberState]:
        async with opening.reading() as billing:
            return await billing.subscribers.list()

    states = asyncio.run(found(find_app(context)))
    if as_json:
        print_json({"subscribers": msgspec.to_builtins(states)})
        return
    rows = [[one.name, "yes" if one.here else "no", _count(one.waiting), _count(one.stuck)] for one in states]
    print_table(["subscriber", "in this application", "waiting", "stuck"], rows, empty="No subscribers.")


@subscribers.command(short_help="Where a subscriber is stuck, and on what error.")
@click.argument("name")
@json_option
@click.pass_context
def stuck(context: click.Context, name: str, *, as_json: bool) -> None:
    """Where a subscriber is stuck: at which effect of which customer, and on what error.

    \b
    Examples:
      purchase subscribers stuck licences
      purchase subscribers stuck licences --json
    """

    async def found(opening: Opening) -> Sequence[Stuck]:
        async with opening.reading() as billing:
            return await billing.subscribers.stuck(name)

    lanes = asyncio.run(found(find_app(context)))
    if as_json:
        print_json({"stuck": [with_times(msgspec.to_builtins(one)) for one in lanes]})
        return
    rows = [
        [
            one.mailbox.lane,
            one.effect.name if one.effect else "-",
            one.effect.about if one.effect else "-",
            one.mailbox.reason,
            str(one.mailbox.attempts),
        ]
        for one in lanes
    ]
    print_table(["lane", "effect", "about", "error", "tries"], rows, empty="It is stuck nowhere.")


@subscribers.command(short_help="Tell again what is stuck.")
@click.argument("name")
@click.argument("lane", required=False, default="")
@click.option("--all", "all_", is_flag=True, help="Every lane in which it is stuck.")
@json_option
@click.pass_context
def retry(context: click.Context, name: str, lane: str, *, all_: bool, as_json: bool) -> None:
    """Tell a subscriber again what is stuck, with as many tries as at first; a worker does it.

    LANE is as `purchase subscribers stuck` shows it: customer:<id>.

    \b
    Examples:
      purchase subscribers retry licences customer:user_1
      purchase subscribers retry licences --all
    """
    if bool(lane) == all_:
        raise click.UsageError("Name one lane, or say --all.")

    async def retried(opening: Opening) -> list[str]:
        async with opening as billing:
            lanes = [lane]
            if all_:
                lanes = [one.mailbox.lane for one in await billing.subscribers.stuck(name)]
            for one in lanes:
                await billing.subscribers.retry(name, one)
            return lanes

    lanes = asyncio.run(retried(find_app(context)))
    if as_json:
        print_json({"lanes": lanes})
    else:
        say(f"{len(lanes):,} will be told again. `purchase work` does so.")


@subscribers.command(short_help="Leave out the effect at which it is stuck.")
@click.argument("name")
@click.argument("lane")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def skip(context: click.Context, name: str, lane: str, *, yes: bool, as_json: bool) -> None:
    """Leave out the one effect at which a subscriber is stuck, and go on behind it. Asks first.

    \b
    Examples:
      purchase subscribers skip licences customer:user_1
    """

    async def skipped(opening: Opening) -> str:
        async with opening as billing:
            make_sure(f"Shall {name} never be told of it?", yes=yes)
            effect = await billing.subscribers.skip(name, lane)
            return effect.key if effect else ""

    key = asyncio.run(skipped(find_app(context)))
    if as_json:
        print_json({"skipped": key})
    else:
        say(f"{key or 'Nothing'} is left out.")


@subscribers.command(short_help="Keep nothing for one that is gone.")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def forget(context: click.Context, name: str, *, yes: bool, as_json: bool) -> None:
    """Keep nothing for a subscriber that the application has no more. Asks first.

    \b
    Examples:
      purchase subscribers forget old-mailer
    """

    async def forgotten(opening: Opening) -> None:
        async with opening as billing:
            make_sure(f"Shall nothing wait for {name} any more?", yes=yes)
            await billing.subscribers.forget(name)

    asyncio.run(forgotten(find_app(context)))
    if as_json:
        print_json({"forgotten": name})
    else:
        say(f"{name} is forgotten.")


def _count(lanes: int) -> str:
    return f"{lanes:,}" + ("+" if lanes >= LISTED_MAX else "")
