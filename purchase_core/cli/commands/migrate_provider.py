"""`purchase migrate-provider`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from purchase_core.cli.app import find_app
from purchase_core.cli.asking import make_sure
from purchase_core.cli.output import (
    json_option,
    print_json,
    print_pairs,
    print_table,
    say,
    time_of,
    with_times,
)
from purchase_core.money import money_of
from purchase_core.opening import Opening
from purchase_core.workflows.migrations import Moved, Status
from purchase_core.workflows.prospects import LEAD_DAYS, LEAD_DAYS_MAX, UNDO_DAYS, Prospect, Settings

if TYPE_CHECKING:
    from purchase_core.billing import Billing

F = TypeVar("F", bound=Callable[..., Any])
LISTED_MAX = 20
PROGRESS_EVERY = 25


def both_sides(command: F) -> F:
    """`--from` and `--to`, as the arguments `old` and `new`."""
    for name, argument, text in (("--to", "new", "They go to this one."), ("--from", "old", "A connection.")):
        command = click.option(name, argument, required=True, metavar="NAME", help=text)(command)
    return command


def cohort(command: F) -> F:
    """Which customers, and how long before their period ends."""
    options = (
        click.option("--percent", type=click.IntRange(1, 100), default=100, show_default=True,
                     help="A part of the customers, always the same ones."),
        click.option("--lead-days", type=click.IntRange(2, LEAD_DAYS_MAX), default=LEAD_DAYS,
                     show_default=True, help="Nobody who renews sooner than that."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@click.group("migrate-provider")
def migrate_provider() -> None:
    """Move subscriptions from one provider to another, cohort by cohort, without billing anybody twice.

    The old one is told to end with its period, which can be taken back; the new one is a checkout with a
    trial until then. Who gives no payment method in time stays where they are.

    \b
    Examples:
      purchase migrate-provider plan --from stripe --to paddle
      purchase migrate-provider start --from stripe --to paddle --percent 5 \\
        --success-url https://shop.example/moved \\
        --cancel-url https://shop.example/account
      purchase migrate-provider status --from stripe --to paddle
      purchase migrate-provider stop --from stripe --to paddle
      purchase migrate-provider resume --from stripe --to paddle
    """


@migrate_provider.command(short_help="Who would go, when, and what they would be offered.")
@both_sides
@cohort
@json_option
@click.pass_context
def plan(context: click.Context, *, old: str, new: str, percent: int, lead_days: int, as_json: bool) -> None:
    """Every live subscription of the old side: whether it can be moved, or why not. Nothing is written.

    \b
    Examples:
      purchase migrate-provider plan --from stripe --to paddle
      purchase migrate-provider plan --from stripe --to paddle --percent 10 --json
    """
    settings = Settings(old, new, percent, lead_days, min(UNDO_DAYS, lead_days - 1))
    found = asyncio.run(_planned(find_app(context), settings))
    if as_json:
        print_json({"plan": [with_times(_ends(msgspec.to_builtins(one))) for one in found]})
        return
    _print_plan(found)


@migrate_provider.command(short_help="Begin, or take in more of them.")
@both_sides
@cohort
@click.option(
    "--undo-days", type=click.IntRange(1, LEAD_DAYS_MAX), default=UNDO_DAYS, show_default=True,
    help="So long before the period ends, who has not accepted stays.",
)  # fmt: skip
@click.option("--success-url", required=True, metavar="URL", help="Where the new checkout leads.")
@click.option("--cancel-url", required=True, metavar="URL", help="Where it leads if it is not paid.")
@click.option(
    "--limit", type=click.IntRange(1, 1_000),
    help="At most so many now, and nobody later by itself; else workers take in who comes to fit.",
)  # fmt: skip
@click.option("--again", is_flag=True, help="Also who was tried before, and stayed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def start(  # a command line has as many options as it has
    context: click.Context,
    *,
    old: str,
    new: str,
    percent: int,
    lead_days: int,
    undo_days: int,
    success_url: str,
    cancel_url: str,
    limit: int | None,
    again: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Tell the old subscriptions to end with their period, and open the new checkouts.

    Whatever is interrupted goes on with the same command, or with `purchase work`, which also takes in who
    comes later, once an hour, unless --limit is given or it was stopped.

    \b
    Examples:
      purchase migrate-provider start --from stripe --to paddle --percent 5 \\
        --success-url https://shop.example/moved \\
        --cancel-url https://shop.example/account
    """
    settings = Settings(old, new, percent, lead_days, undo_days, success_url, cancel_url)
    opening = find_app(context)
    if not yes:
        prospects = asyncio.run(_planned(opening, settings))
        count = min(limit or len(prospects), sum(one.verdict == "move" for one in prospects))
        make_sure(f"Let {count:,} subscriptions on {old} end with their period, and offer {new}?", yes=yes)

    async def begin() -> Status:
        async with opening as billing:
            count = 0
            async for _ in billing.migrations.start(settings, limit=limit, again=again):
                count += 1
                _tell(count, "recorded", quiet=as_json)
            await _go_on(billing, old, new, quiet=as_json)
            return await billing.migrations.status(old, new)

    _show(asyncio.run(begin()), as_json=as_json)


@migrate_provider.command(short_help="How far it is.")
@both_sides
@click.option("--html", type=click.Path(dir_okay=False), metavar="FILE", help="Write it as a page.")
@json_option
@click.pass_context
def status(context: click.Context, *, old: str, new: str, html: str | None, as_json: bool) -> None:
    """Every move, with its phase, and the page where one is offered.

    \b
    Examples:
      purchase migrate-provider status --from stripe --to paddle
      purchase migrate-provider status --from stripe --to paddle --html page.html

    \b
    Phases:
      recorded   nothing was done yet
      ending     the old one ends with its period; the page is being opened
      offered    the page is there, and waits for a payment method
      switched   the payment method is there; the old one ends with its period
      done       the old one has ended, the new one is billed
      guarded    so, too; a page from before could not be closed, and bills nobody
      undoing    the page is closed, the old one is being kept
      undone     the old one goes on, as if nothing had been
      watched    so, too; the page could not be closed, and bills nobody
      left       there was nothing to be moved after all
      both       both have billed: give one of them back
    """

    async def ask(opening: Opening) -> Status:
        async with opening.reading() as billing:
            return await billing.migrations.status(old, new)

    found = asyncio.run(ask(find_app(context)))
    if html:
        from purchase_core.workflows.migration_page import migration_page  # noqa: PLC0415  # only who wants one

        Path(html).write_text(migration_page(found), "utf-8")
        say(f"Wrote {html}")
    _show(found, as_json=as_json)


@migrate_provider.command(short_help="Begin no more of them.")
@both_sides
@click.option("--undo", is_flag=True, help="Also take back what is offered and not accepted yet.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def stop(context: click.Context, *, old: str, new: str, undo: bool, yes: bool, as_json: bool) -> None:
    """Begin no more moves. What is offered stays so until its time, or is taken back now with --undo.

    \b
    Examples:
      purchase migrate-provider stop --from stripe --to paddle
      purchase migrate-provider stop --from stripe --to paddle --undo --yes
    """
    if undo:
        make_sure("Close every page that nobody has accepted, and keep the old subscriptions?", yes=yes)

    async def halt(opening: Opening) -> Status:
        async with opening as billing:
            await billing.migrations.stop(old, new, undo=undo)
            if undo:
                await _go_on(billing, old, new, quiet=as_json)
            return await billing.migrations.status(old, new)

    _show(asyncio.run(halt(find_app(context))), as_json=as_json)


@migrate_provider.command(short_help="Go on after a stop.")
@both_sides
@json_option
@click.pass_context
def resume(context: click.Context, *, old: str, new: str, as_json: bool) -> None:
    """Go on with what was recorded before it was stopped.

    \b
    Examples:
      purchase migrate-provider resume --from stripe --to paddle
    """

    async def go_on(opening: Opening) -> Status:
        async with opening as billing:
            await billing.migrations.resume(old, new)
            await _go_on(billing, old, new, quiet=as_json)
            return await billing.migrations.status(old, new)

    _show(asyncio.run(go_on(find_app(context))), as_json=as_json)


# --- behind them ---------------------------------------------------------------------------------


async def _planned(opening: Opening, settings: Settings) -> list[Prospect]:
    async with opening.reading() as billing:
        return [one async for one in billing.migrations.plan(settings)]


async def _go_on(billing: Billing, old: str, new: str, *, quiet: bool) -> None:
    count = 0
    async for _ in billing.migrations.advance_all(old, new):
        count += 1
        _tell(count, "gone on with", quiet=quiet)


def _tell(count: int, what: str, *, quiet: bool) -> None:
    if not quiet and count % PROGRESS_EVERY == 0:
        say(f"{count:,} {what}")


def _ends(document: dict[str, Any]) -> dict[str, Any]:
    """The document with its end under a name that is known to be an instant."""
    return {"ends_at" if name == "ends" else name: value for name, value in document.items()}


def _print_plan(found: Sequence[Prospect]) -> None:
    counts = {name: sum(one.verdict == name for one in found) for name in ("move", "later", "stays", "begun")}
    rows = [
        [
            one.verdict,
            one.customer,
            f"{one.offer} × {one.quantity}",  # noqa: RUF001  # times
            money_of(one.amount, one.currency),
            time_of(one.ends),
            f"{one.trial_days} days",
            one.reason,
        ]
        for one in found[:LISTED_MAX]
    ]
    heads = ["what", "customer", "offer", "price", "paid until", "trial there", "why"]
    print_table(heads, rows, empty="No live subscription is there.")
    if len(found) > LISTED_MAX:
        say(f"The first {LISTED_MAX} of {len(found):,} are shown; --json has all.")
    say(", ".join(f"{count:,} {name}" for name, count in counts.items()) + ".")


def _show(found: Status, *, as_json: bool) -> None:
    if as_json:
        document = msgspec.to_builtins(found)
        document["moves"] = [with_times(_ends(one)) for one in document["moves"]]
        print_json({"migration": document})
        return
    print_pairs(
        [
            ("from", found.settings.old),
            ("to", found.settings.new),
            ("of the customers", f"{found.settings.percent} %"),
            ("stopped", found.settings.halt.value or "no"),
            *((name, f"{count:,}") for name, count in found.phases.items()),
        ]
    )
    click.echo()
    rows = [_row(one) for one in found.moves[:LISTED_MAX]]
    heads = ["phase", "customer", "paid until", "undone at", "why", "page"]
    print_table(heads, rows, empty="Nobody is being moved yet.")
    if len(found.moves) > LISTED_MAX:
        say(f"The first {LISTED_MAX} of {len(found.moves):,} are shown; --json has all.")


def _row(one: Moved) -> list[str]:
    return [one.phase, one.customer, time_of(one.ends), time_of(one.undo_at), one.reason, one.url]
