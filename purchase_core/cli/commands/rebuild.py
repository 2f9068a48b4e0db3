"""`purchase rebuild`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import attrs
import click
import msgspec

from purchase_core.billing import Billing
from purchase_core.cli import exit_codes
from purchase_core.cli.app import find_application
from purchase_core.cli.asking import make_sure
from purchase_core.cli.crew import Crew, cores
from purchase_core.cli.output import json_option, print_json, print_pairs, say
from purchase_core.opening import Opening
from purchase_core.operations.rebuild import BUSY, CHANGED, NEWER, UNCHANGED, Cursor, Rebuilt
from purchase_core.projection.owner import lane_of
from purchase_core.records.lane import customer_of

SHOWN_MAX = 1_000
DIFFERENCES_SHOWN_MAX = 20
PROGRESS_FACTS = 100_000
STATUSES = (UNCHANGED, CHANGED, NEWER, BUSY)


@click.command()
@click.option("--shadow", is_flag=True, help="Compare only, and write nothing; exit 3 if something differs.")
@click.option("--diff", is_flag=True, help="Show what differs, customer by customer.")
@click.option("--customer", default="", metavar="ID", help="Only this customer.")
@click.option("--after", default="", metavar="LANE", help="With --shadow: behind this lane, to go on.")
@click.option(
    "--jobs", type=click.IntRange(min=1), metavar="N", help="With --shadow: processes; else one a core."
)
@click.option("--resume", default="", metavar="RUN", help="Go on with a rebuild that was cut off.")
@click.option("--note", default="", metavar="TEXT", help="Who wants it and why, for the receipt.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def rebuild(
    context: click.Context,
    /,
    *,
    shadow: bool,
    diff: bool,
    customer: str,
    after: str,
    jobs: int | None,
    resume: str,
    note: str,
    yes: bool,
    as_json: bool,
) -> None:
    """Make subscriptions, purchases, lots and all other rows anew from facts, with today's code.

    Before a deploy, `--shadow --diff` with the new code says whose rows it would change. Without --shadow,
    each customer's rows are exchanged at once, while events go on arriving. Nobody is told anything.

    \b
    Examples:
      purchase rebuild --shadow --diff
      purchase rebuild --yes
      purchase rebuild --customer user_1 --shadow --diff --json
      purchase rebuild --resume run_…

    \b
    What can become of a lane (a customer, or an object that nobody owns yet):
      unchanged    it is what its facts say
      changed      it was not, or with --shadow: it is not
      newer        newer code wrote to it: left alone
      busy         it moved all the time: run it again
    """
    if after and not shadow:
        raise click.UsageError("--after goes with --shadow; a rebuild goes on with --resume RUN.")
    if resume and (shadow or customer):
        raise click.UsageError("--resume goes on with a rebuild of everything that writes.")
    if jobs and not shadow:
        raise click.UsageError("--jobs goes with --shadow; a rebuild that writes is one process.")
    application = find_application(context)
    opening = application.opening()
    if not (shadow or customer):
        make_sure("Exchange every row that is not as its facts say?", yes=yes)
    found = _Found(quiet=as_json)
    try:
        with Crew(application, _compared, jobs or cores()) as crew:
            asyncio.run(
                _rebuild(
                    opening,
                    crew,
                    found,
                    shadow=shadow,
                    after=after,
                    customer=customer,
                    resume=resume,
                    note=note,
                )
            )
    finally:
        if found.last and not found.ended:
            how = f"--resume {found.run}" if found.run else f"--shadow --after {found.last}"
            say(f"To go on: purchase rebuild {how}")
    _print(found, shadow=shadow, diff=diff, as_json=as_json)
    if found.counts[BUSY]:
        context.exit(exit_codes.TRY_AGAIN)
    if shadow and found.counts[CHANGED]:
        context.exit(exit_codes.DIFFERENCES)


@attrs.define
class _Found:
    """What has come of it so far."""

    quiet: bool
    counts: dict[str, int] = attrs.Factory(lambda: dict.fromkeys(STATUSES, 0))
    facts: int = 0
    cursor: Cursor = attrs.Factory(Cursor)
    changed: list[Rebuilt] = attrs.Factory(list)
    last: str = ""
    run: str = ""
    ended: bool = False
    _told: int = 0

    def add(self, done: Sequence[Rebuilt]) -> None:
        """What was done of a portion of lanes."""
        for one in done:
            self.counts[one.status] += 1
            self.facts += one.facts
            if one.differences and len(self.changed) < SHOWN_MAX:
                self.changed.append(one)
        if not self.quiet and self.facts - self._told >= PROGRESS_FACTS:
            self._told = self.facts
            say(f"{self.facts:,} facts of {sum(self.counts.values()):,} lanes")


async def _compared(billing: Billing, first: str, last: str) -> list[Rebuilt]:
    return await billing.rebuild.compared(first, last)


async def _rebuild(
    opening: Opening,
    crew: Crew[list[Rebuilt]],
    found: _Found,
    *,
    shadow: bool,
    after: str,
    customer: str,
    resume: str,
    note: str,
) -> None:
    async with opening.reading() if shadow else opening as billing:
        if customer:
            lane = await lane_of(billing.store, customer)
            done = [await billing.rebuild.one(lane, shadow=shadow)]
            found.cursor = Cursor().past(done, lane)
            found.add(done)
        elif shadow:
            async for cursor, done in billing.rebuild.shadow(Cursor(after), crew.over(billing)):
                found.cursor, found.last = cursor, cursor.after
                found.add(done)
        else:
            run = await (billing.rebuild.resumed(resume) if resume else billing.rebuild.start(note=note))
            found.run = run.id
            async for noted, done in billing.rebuild.run(run):
                found.cursor = msgspec.json.decode(noted.cursor or "{}", type=Cursor)
                found.last = found.cursor.after
                found.add(done)
    found.ended = True


def _print(found: _Found, *, shadow: bool, diff: bool, as_json: bool) -> None:
    if as_json:
        document: dict[str, object] = {
            "shadow": shadow,
            "run": found.run,
            **found.counts,
            "facts": found.facts,
        }
        document |= {"stored_hash": found.cursor.stored, "rebuilt_hash": found.cursor.rebuilt}
        print_json({**document, "lanes": [_document(one) for one in found.changed] if diff else []})
        return
    if diff:
        for one in found.changed:
            _print_lane(one)
    pairs = [(name, f"{count:,}") for name, count in found.counts.items()]
    print_pairs([*pairs, ("facts", f"{found.facts:,}"), ("hash", found.cursor.rebuilt or "-")])
    if found.run:
        say(f"Receipt: purchase runs show {found.run}")


def _print_lane(one: Rebuilt) -> None:
    click.secho(_whose(one), bold=True)
    for difference in one.differences[:DIFFERENCES_SHOWN_MAX]:
        click.echo(f"  {difference}")
    more = len(one.differences) - DIFFERENCES_SHOWN_MAX
    if more > 0:
        click.echo(f"  and {more:,} more")


def _whose(one: Rebuilt) -> str:
    customer = customer_of(one.lane)
    return f"customer {customer}" if customer else one.lane


def _document(one: Rebuilt) -> dict[str, object]:
    return {
        "lane": one.lane,
        "customer": customer_of(one.lane),
        "status": one.status,
        "stored_hash": one.stored,
        "rebuilt_hash": one.rebuilt,
        "differences": [msgspec.to_builtins(difference) for difference in one.differences],
    }
