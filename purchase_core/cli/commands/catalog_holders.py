"""`purchase catalog migrate-holders`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click
import msgspec

from purchase_core.cli.app import find_app, looking
from purchase_core.cli.asking import make_sure
from purchase_core.cli.output import (
    instant_of,
    json_option,
    print_json,
    print_table,
    say,
    time_of,
    with_times,
)
from purchase_core.money import money_of
from purchase_core.workflows.holders import Announcement, Cohort, Move


@click.command("migrate-holders", short_help="Move those who have an older version to today's.")
@click.argument("offer")
@click.option("--announce", metavar="TIME", help="From when on: ISO 8601, to come. Tell them yourself.")
@click.option("--apply", "announced", metavar="ID", help="Move them, as it was announced.")
@click.option("--limit", type=click.IntRange(0), default=0, help="At most so many; 0: all.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def migrate_holders_command(
    context: click.Context,
    offer: str,
    *,
    announce: str | None,
    announced: str | None,
    limit: int,
    yes: bool,
    as_json: bool,
) -> None:
    """Who has an older version of OFFER, and what moving them would change; with --apply, move them.

    With the next renewal where the provider can, else at once without a charge for the rest of the period.
    Nobody is moved before the announced time. Moving again moves those who are left.

    \b
    Examples:
      purchase catalog migrate-holders app:pro
      purchase catalog migrate-holders app:pro --announce 2027-03-01T00:00:00Z
      purchase catalog migrate-holders app:pro --apply 3f2a91bc07de --limit 100
    """
    opening, moves = find_app(context), list[Move]()
    if announced:
        make_sure(f"Move holders of {offer} to the version that is sold now?", yes=yes)

    async def done() -> tuple[Announcement | None, Sequence[Cohort]]:
        async with opening if announce or announced else looking(opening) as billing:
            told = None
            if announce:
                told = await billing.holders.announce(offer, begins_at=instant_of("--announce", announce))
            if announced:
                told = await billing.holders.announcement(announced)
                async for move in billing.holders.move(told, limit=limit):
                    moves.append(move)
                    if not as_json:
                        say(f"{move.subscription}: {move.outcome}")
            return told, await billing.holders.cohorts(offer)

    told, cohorts = asyncio.run(done())
    if as_json:
        print_json(
            {
                "announcement": with_times(msgspec.to_builtins(told)) if told else None,
                "moves": [{"subscription": one.subscription, "outcome": one.outcome} for one in moves],
                "cohorts": [msgspec.to_builtins(one) for one in cohorts],
            }
        )
        return
    rows = [
        [
            one.connection,
            one.version[:8],
            money_of(one.was, one.currency),
            "not sold so" if one.becomes is None else money_of(one.becomes, one.currency),
            f"{one.holders:,}",
            f"{one.scheduled:,}",
        ]
        for one in cohorts
    ]
    headers = ["connection", "version", "pays", "would pay", "holders", "with renewal"]
    print_table(headers, rows, empty="Nobody has an older version.")
    if told:
        say(f"Announced as {told.id}, from {time_of(told.begins_at)} on.")
