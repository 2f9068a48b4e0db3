"""`purchase receipts`."""

from __future__ import annotations

import asyncio

import click
import msgspec

from purchase_core.cli.app import find_app
from purchase_core.cli.asking import make_sure, yourself
from purchase_core.cli.output import (
    json_option,
    print_json,
    print_pairs,
    print_table,
    say,
    time_of,
    with_times,
)
from purchase_core.opening import Opening
from purchase_core.operations.outcomes import Word
from purchase_core.reads.receipts import Receipt
from purchase_core.records.command import UNKNOWN, Command
from purchase_core.records.run import Run


@click.group()
def receipts() -> None:
    """What a workflow did, and why.

    \b
    Examples:
      purchase receipts show receipt_…
      purchase receipts decide receipt_… --happened re_1 --reason "it is there"
    """


@receipts.command(short_help="One receipt: stages, routing decision, facts.")
@click.argument("receipt_id", metavar="ID")
@json_option
@click.pass_context
def show(context: click.Context, receipt_id: str, *, as_json: bool) -> None:
    """One receipt: its stages, the routing decision, and the facts that followed.

    ID is what `checkout.start` returned as `receipt`.

    \b
    Examples:
      purchase receipts show receipt_…
      purchase receipts show receipt_… --json
    """
    found = asyncio.run(_receipt(find_app(context), receipt_id))
    if as_json:
        print_json({"receipt": with_times(msgspec.to_builtins(found))})
        return
    pairs = [
        ("receipt", found.id),
        ("workflow", found.kind),
        ("state", found.state),
        ("customer", found.customer),
        ("connection", found.connection),
        ("intent", found.reference),
    ]
    print_pairs(pairs)
    click.echo()
    stages = [[time_of(one.at), one.name, one.detail] for one in found.stages]
    print_table(["at", "stage", "detail"], stages, empty="")
    if found.decision:
        click.echo()
        verdicts = [
            [one.connection, one.excluded or f"score {one.score:g}"] for one in found.decision.verdicts
        ]
        print_table(["connection", f"router {found.decision.router!r}"], verdicts, empty="")
    click.echo()
    facts = [[time_of(one.recorded_at), one.key.partition("@")[0], one.cause] for one in found.facts]
    print_table(["recorded", "fact about", "brought by"], facts, empty="No facts followed yet.")
    if found.state == UNKNOWN:
        say(f"If you have found out what became of it: purchase receipts decide {found.id} --help")


@receipts.command(short_help="Say what became of something that nobody knows the outcome of.")
@click.argument("receipt_id", metavar="ID")
@click.option(
    "--happened", default="", metavar="OBJECT", help="It did: the provider's id of what came of it."
)
@click.option("--did-not-happen", is_flag=True, help="Nothing came of it.")
@click.option("--reason", required=True, help="How you know: it is kept with the receipt.")
@click.option("--by", default=yourself, show_default="you", help="Who decides it.")
@click.option("--insist", is_flag=True, help="It counts although the provider cannot be asked.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def decide(
    context: click.Context,
    *,
    receipt_id: str,
    happened: str,
    did_not_happen: bool,
    reason: str,
    by: str,
    insist: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Say what became of a command whose answer was lost, if asking again does not: after a look there.

    The provider is asked first, and nothing is sent. What it shows counts: OBJECT (a refund, a checkout
    session, or the subscription itself) is fetched, and must be of this command. That nothing happened is
    believed once it cannot turn up any more. With --insist, either is believed although the provider cannot
    be asked; a worker looks again for 30 days, and what it finds counts for more.

    Exit code 1 if the outcome is known by now, or the provider shows otherwise; 75 if it cannot be asked.

    \b
    Examples:
      purchase receipts decide receipt_… --happened re_1 --reason "it is there"
      purchase receipts decide receipt_… --did-not-happen --reason "not there"
    """
    if bool(happened) == did_not_happen:
        raise click.UsageError("say either --happened OBJECT or --did-not-happen")

    async def decided(opening: Opening) -> tuple[Run, Command]:
        async with opening as billing:
            command = await billing.outcomes.get(receipt_id)
            what = f"as {happened}" if happened else "not"
            make_sure(f"{command.kind} on {command.connection} happened {what}?", yes=yes)
            word = Word(happened, by, reason, insists=insist)
            run = await billing.outcomes.decide(receipt_id, word, seen=command.version)
            return run, await billing.outcomes.get(receipt_id)

    run, command = asyncio.run(decided(find_app(context)))
    shown = "seen" in run.counts
    if as_json:
        print_json({"receipt": command.id, "state": command.state, "shown": shown, "run": run.id})
        return
    why = "the provider shows it" if shown else "nothing at the provider shows it: a worker goes on looking"
    say(f"{command.id}: {why}.", head=f"{command.state}.".capitalize(), fg="green" if shown else "yellow")


async def _receipt(opening: Opening, receipt_id: str) -> Receipt:
    async with opening.reading() as billing:
        return await billing.receipts.get(receipt_id)
