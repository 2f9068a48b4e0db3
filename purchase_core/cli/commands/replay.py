"""`purchase replay`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import click
import msgspec

from purchase_core.cli import exit_codes
from purchase_core.cli.app import find_app
from purchase_core.cli.asking import make_sure
from purchase_core.cli.output import instant_of, json_option, print_json, print_table, say
from purchase_core.opening import Opening
from purchase_core.operations.replay import CHANGED, FAILED, SKIPPED, UNCHANGED, Replayed
from purchase_core.operations.replay_runs import FILE, KEPT, LISTED, Plan
from purchase_core.records.run import FINISHED, Run

PROGRESS_EVERY = 1_000
SHOWN_MAX = 1_000
STATUSES = (CHANGED, UNCHANGED, SKIPPED, FAILED)


@click.command()
@click.argument("delivery_id", metavar="ID", required=False, default="")
@click.option("--all", "all_", is_flag=True, help="Every delivery that was kept.")
@click.option("--connection", default="", metavar="NAME", help="Only those of this connection.")
@click.option("--type", "event_type", default="", metavar="TYPE", help="Only events of this type.")
@click.option("--since", default="", metavar="TIME", help="Only those received at this instant or later.")
@click.option("--until", default="", metavar="TIME", help="Only those received before this instant.")
@click.option("--customer", default="", metavar="ID", help="Only those that concern this customer.")
@click.option("--from-provider", is_flag=True, help="Read what the provider lists, and not what was kept.")
@click.option("--file", default="", metavar="PATH", help="Read a file of events, one a line, instead.")
@click.option("--resume", default="", metavar="RUN", help="Go on with a replay that was cut off.")
@click.option("--note", default="", metavar="TEXT", help="Who wants it and why, for the receipt.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def replay(
    context: click.Context,
    /,
    delivery_id: str,
    *,
    all_: bool,
    from_provider: bool,
    file: str,
    resume: str,
    note: str,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    **chosen: str,
) -> None:
    """Read deliveries again with today's code; write what was misread, and nothing twice.

    Nothing goes out: no provider is asked to do anything, and nobody is told again. Cut off, it says how to
    go on. With --from-provider or --file, times are those at which events happened.

    \b
    Examples:
      purchase replay delivery_…
      purchase replay --type invoice.paid --since 2026-11-01T00:00:00Z --dry-run
      purchase replay --customer user_1 --yes
      purchase replay --from-provider --connection stripe-eu --yes
      purchase replay --file events.jsonl --connection stripe-eu --dry-run
      purchase replay --resume run_…

    \b
    What can become of a delivery:
      changed      facts that were not known, or rows that differ
      unchanged    it means what it meant
      skipped      it asks for a look-up, whose answer is a delivery too
      failed       it cannot be verified or understood, and the reason says why
    """
    plan = _plan(from_provider=from_provider, file=file, **chosen)
    if sum((bool(delivery_id), all_, bool(resume), plan != Plan(KEPT))) != 1:
        raise click.UsageError("Name one delivery, or say which (--type, --since and so on), or --all.")
    if plan.source != KEPT and not plan.connection:
        raise click.UsageError("Say whose events they are: --connection NAME.")
    opening = find_app(context)
    if not (delivery_id or dry_run or yes or resume):
        make_sure(asyncio.run(_question(opening, plan)), yes=yes)
    wanted = _Wanted(delivery_id, plan, file, resume, note, dry_run=dry_run, quiet=as_json)
    with _telling_how_to_go_on(wanted):
        asyncio.run(_replay(opening, wanted))
    counts = {status: wanted.counts.get(status, 0) for status in STATUSES}
    if as_json:
        document = {"dry_run": dry_run, "run": wanted.run, **counts}
        print_json({**document, "deliveries": msgspec.to_builtins(wanted.shown)})
    else:
        rows = [
            [one.delivery, one.event_type, one.status, one.reason or ", ".join(one.rows or one.facts)]
            for one in wanted.shown
        ]
        print_table(["delivery", "type", "status", "what"], rows, empty="Nothing differs.")
        say(", ".join(f"{count:,} {status}" for status, count in counts.items()) + ".")
        if wanted.run:
            say(f"Receipt: purchase runs show {wanted.run}")
    if counts[FAILED]:
        context.exit(exit_codes.FAILED)


@attrs.define
class _Wanted:
    """What is to be read again, and what has come of it so far."""

    delivery_id: str
    plan: Plan
    file: str
    resume: str
    note: str
    dry_run: bool = attrs.field(kw_only=True)
    quiet: bool = attrs.field(kw_only=True)
    counts: dict[str, int] = attrs.field(factory=dict, init=False)
    shown: list[Replayed] = attrs.field(factory=list, init=False)
    run: str = attrs.field(default="", init=False)
    ended: bool = attrs.field(default=False, init=False)
    _read: int = attrs.field(default=0, init=False)

    def add(self, one: Replayed) -> None:
        """What became of a delivery."""
        self.counts[one.status] = self.counts.get(one.status, 0) + 1
        if one.status in (CHANGED, FAILED) and len(self.shown) < SHOWN_MAX:
            self.shown.append(one)
        self._read += 1
        if not self.quiet and self._read % PROGRESS_EVERY == 0:
            say(f"{self._read:,} read")


@contextmanager
def _telling_how_to_go_on(wanted: _Wanted) -> Iterator[None]:
    try:
        yield
    finally:
        if wanted.run and not wanted.ended:
            file = f" --file {wanted.file}" if wanted.file else ""
            say(f"To go on: purchase replay --resume {wanted.run}{file}")


def _plan(
    *,
    from_provider: bool,
    file: str,
    connection: str,
    event_type: str,
    since: str,
    until: str,
    customer: str,
) -> Plan:
    if from_provider and file:
        raise click.UsageError("--from-provider and --file are two sources: name one of them.")
    return Plan(
        FILE if file else LISTED if from_provider else KEPT,
        connection,
        event_type,
        instant_of("--since", since) if since else None,
        instant_of("--until", until) if until else None,
        customer,
    )


async def _question(opening: Opening, plan: Plan) -> str:
    if plan.source == FILE:
        return f"Believe the events of this file as if {plan.connection} had listed them?"
    if plan.source == LISTED:
        return f"Read again what {plan.connection} lists of its events?"
    async with opening.reading() as billing:
        count = len([one async for one in billing.replay.select(plan.selection)])
    return f"Read {count:,} deliveries again?"


async def _replay(opening: Opening, wanted: _Wanted) -> None:
    async with opening as billing:
        if wanted.delivery_id:
            wanted.add(await billing.replay.one(wanted.delivery_id, dry_run=wanted.dry_run))
            return
        if wanted.resume:
            run = await billing.replay_runs.resumed(wanted.resume)
        else:
            run = billing.replay_runs.start(wanted.plan, note=wanted.note)
        wanted.run = "" if wanted.dry_run else run.id
        with _lines(wanted.file) as lines:
            noted: Run
            async for noted, done in billing.replay_runs.run(run, lines=lines, dry_run=wanted.dry_run):
                wanted.ended = noted.state == FINISHED
                for one in done:
                    wanted.add(one)


@contextmanager
def _lines(file: str) -> Iterator[Iterator[bytes]]:
    if not file:
        yield iter(())
        return
    try:
        with Path(file).open("rb") as opened:
            yield iter(opened)
    except OSError as error:
        raise click.UsageError(f"{file} cannot be read: {error.strerror}") from None
