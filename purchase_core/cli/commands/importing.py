"""`purchase import`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import attrs
import click
import msgspec

from purchase_core.cli import exit_codes
from purchase_core.cli.app import find_app, looking
from purchase_core.cli.asking import make_sure, yourself
from purchase_core.cli.output import json_option, print_json, print_table, say, with_times
from purchase_core.errors import NotFound
from purchase_core.importing.mapping import MAP_BYTES_MAX, CustomerMap, read_customers, read_prices
from purchase_core.importing.plan import PLAN_BYTES_MAX, Doubt, ImportPlan, decode_import, summary
from purchase_core.opening import Opening
from purchase_core.operations.importing import Place
from purchase_core.operations.passes import FAILED, Found
from purchase_core.operations.surveying import CustomerRules
from purchase_core.records.command import Command
from purchase_core.records.run import Run

SHOWN_MAX = 1_000


@click.group("import")
def importing() -> None:
    """Bring in what was sold at a provider before: customers, subscriptions, and what was paid.

    First a plan, which writes nothing; then `apply` does what the plan says. Customers who are certain are
    linked; doubtful ones wait, and are decided one by one. Done twice, it changes nothing.

    \b
    Examples:
      purchase import plan stripe-eu --customers who.csv -o import.json
      purchase import apply import.json
      purchase import decide stripe-eu cus_1 user_1 --reason "she wrote to us"
    """


@importing.command("plan", short_help="Who would be linked, what is doubtful, what is unknown.")
@click.argument("connection")
@click.option(
    "--customers",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Who is who: CSV or JSON Lines with their_customer, our_customer, email.",
)
@click.option(
    "--prices", type=click.Path(dir_okay=False), metavar="FILE", help="What prices stand for: price, offer."
)
@click.option("--field", default="", metavar="NAME", help="The customers' metadata field with your id.")
@click.option("-o", "--output", type=click.Path(dir_okay=False), metavar="FILE", help="Write the plan.")
@json_option
@click.pass_context
def plan_command(
    context: click.Context,
    *,
    connection: str,
    customers: str | None,
    prices: str | None,
    field: str,
    output: str | None,
    as_json: bool,
) -> None:
    """Look at every customer and subscription of a connection, and say what an import would do.

    Nothing is written, here or there. What is certain: our reference in the metadata, a link that is kept,
    the file of customers, a metadata field of yours. An equal e-mail address is a doubt, and never enough.

    \b
    Examples:
      purchase import plan stripe-eu
      purchase import plan stripe-eu --prices old.csv -o import.json
      purchase import plan stripe-eu --field user_id --json
    """
    rules = CustomerRules(read_customers(_file(customers)) if customers else CustomerMap(), field)
    said = read_prices(_file(prices)) if prices else {}
    found = asyncio.run(_planned(find_app(context), connection, rules, said, quiet=as_json))
    if output:
        Path(output).write_bytes(found.encode())
    if as_json:
        print_json({**with_times(msgspec.to_builtins(found)), "summary": summary(found)})
        return
    _show(found)
    if output:
        say(f"Written to {output}: `purchase import apply {output}` does it.")
    else:
        say("Not kept: -o FILE writes the plan, which is what can be applied.")


@importing.command("apply", short_help="Do what a plan says, and read all that was sold.")
@click.argument("file", required=False, type=click.Path(dir_okay=False))
@click.option("--resume", default="", metavar="RUN", help="Go on with one that the console began.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--note", default="", metavar="TEXT", help="Who wants it and why, for the receipt.")
@json_option
@click.pass_context
def apply_command(
    context: click.Context, *, file: str | None, resume: str, yes: bool, note: str, as_json: bool
) -> None:
    """Carry out a plan: record prices, link customers, and read every object of the account.

    If it was killed, or the provider was down, apply the same file again: it goes on where it stopped. One
    that the console began has no file: --resume goes on with it. Exit code 1 if an object could not be
    understood.

    \b
    Examples:
      purchase import apply import.json
      purchase import apply import.json --yes --json
    """
    if bool(file) == bool(resume):
        raise click.UsageError("say either a FILE or --resume RUN")
    opening = find_app(context)
    plan = decode_import(_file(file, PLAN_BYTES_MAX)) if file else asyncio.run(_kept(opening, resume))
    if not as_json:
        _show(plan)
    if plan.account.mode == "live":
        make_sure(f"Link {len(plan.links):,} customers of {plan.account.connection}, live?", yes=yes)
    done = asyncio.run(_applied(opening, plan, note, quiet=as_json))
    counts = dict(sorted(done.run.counts.items()))
    if as_json:
        failed = [msgspec.to_builtins(one) for one in done.failed]
        print_json({"run": done.run.id, "state": done.run.state, "counts": counts, "failed": failed})
    else:
        rows = [[one.kind, one.about, one.reason] for one in done.failed]
        if rows:
            print_table(["kind", "object", "not understood"], rows, empty="")
        told = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
        say(f"{told or 'nothing there'}; {done.run.id}", head="Done.", fg="green")
        if plan.doubts or plan.nobodys:
            say("Doubtful ones wait: purchase import decide, purchase cases list --kind unmatched")
    if counts.get(FAILED):
        context.exit(exit_codes.FAILED)


@importing.command("decide", short_help="Say who a customer at the provider is.")
@click.argument("connection")
@click.argument("theirs")
@click.argument("ours", required=False, default="")
@click.option("--nobody", is_flag=True, help="None of ours: ask no more.")
@click.option("--reason", required=True, help="Why; it is kept.")
@click.option("--by", default=yourself, show_default="you", help="Who decides it.")
@json_option
@click.pass_context
def decide_command(
    context: click.Context,
    *,
    connection: str,
    theirs: str,
    ours: str,
    nobody: bool,
    reason: str,
    by: str,
    as_json: bool,
) -> None:
    """Say that a customer at the provider is one of yours, or nobody.

    What waited for an owner is theirs at once. A link is never taken back.

    \b
    Examples:
      purchase import decide stripe-eu cus_1 user_1 --reason "she wrote to us"
      purchase import decide stripe-eu cus_2 --nobody --reason "of the old shop"
    """
    if bool(ours) == nobody:
        raise click.UsageError("Name your customer, or say --nobody.")

    async def decided(opening: Opening) -> Command:
        async with opening as billing:
            return await billing.importing.decide(connection, theirs, ours, by=by, reason=reason)

    command = asyncio.run(decided(find_app(context)))
    if as_json:
        print_json({"receipt": command.id, "theirs": theirs, "ours": ours})
    else:
        say(f"{command.stages[-1].detail}; {command.id}", head="Kept.", fg="green")


@attrs.define
class _Done:
    """The run, and what could not be understood."""

    run: Run
    failed: list[Found]


async def _planned(
    opening: Opening, connection: str, rules: CustomerRules, said: dict[str, str], *, quiet: bool
) -> ImportPlan:
    def tell(what: str, count: int) -> None:
        if not quiet:
            say(f"{count:,} {what} looked at")

    async with looking(opening) as billing:
        return await billing.importing.plan(connection, rules, prices=said, tell=tell)


async def _kept(opening: Opening, run: str) -> ImportPlan:
    async with opening.reading() as billing:
        return (await billing.importing.resumed(run))[1]


async def _applied(opening: Opening, plan: ImportPlan, note: str, *, quiet: bool) -> _Done:
    async with opening as billing:
        begun = await billing.importing.begin(plan, note=note)
        done = _Done(begun, [])
        async for done.run, found in billing.importing.run(begun, plan):
            done.failed += [one for one in found if one.what == FAILED][: SHOWN_MAX - len(done.failed)]
            if not quiet:
                stage = msgspec.json.decode(done.run.cursor, type=Place).stage
                say(f"{stage}: {sum(done.run.counts.values()):,} looked at")
        return done


def _file(name: str, bytes_max: int = MAP_BYTES_MAX) -> bytes:
    try:
        with Path(name).open("rb") as stream:
            return stream.read(bytes_max + 1)
    except OSError as error:
        raise NotFound(f"{Path(name).name} cannot be read: {error.strerror}") from None


def _show(plan: ImportPlan) -> None:
    counts = [
        [by, f"{plan.customers.get(by, 0):,}", f"{plan.subscriptions.get(by, 0):,}"]
        for by in dict.fromkeys([*plan.customers, *plan.subscriptions])
    ]
    print_table(["matched", "customers", "live subscriptions"], counts, empty="There are no customers.")
    fresh = [one for one in plan.prices if not one.recorded][:SHOWN_MAX]
    _section(
        ["price to record", "offer", "how sure"],
        [[one.price, one.version.offer, one.certainty] for one in fresh],
    )
    _section(
        ["unknown price", "subscriptions", "may be"],
        [[one.price, str(one.subscriptions), ", ".join(one.likely)] for one in plan.unknown_prices],
    )
    _section(["doubtful", "live", "may be", "why"], _doubts(plan.doubts))
    _section(["of nobody", "live", "may be", "why"], _doubts(plan.nobodys))
    if plan.absent:
        say(f"{len(plan.absent):,} of the file are not there: {', '.join(plan.absent[:5])}", head="Note:")
    click.echo(summary(plan))


def _doubts(doubts: Sequence[Doubt]) -> list[list[str]]:
    return [
        [one.theirs, str(one.live), ", ".join(one.candidates), one.why]
        for one in sorted(doubts, key=lambda one: (-one.live, one.theirs))[:SHOWN_MAX]
    ]


def _section(headers: list[str], rows: list[list[str]]) -> None:
    if rows:
        click.echo()
        print_table(headers, rows, empty="")
