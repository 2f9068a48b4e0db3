"""`purchase invoices`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click
import msgspec

from purchase_core.cli.app import find_app
from purchase_core.cli.asking import make_sure, yourself
from purchase_core.cli.output import json_option, print_json, print_table, say, time_of, with_times
from purchase_core.facts.rows import InvoiceRow
from purchase_core.money import Money, money_of
from purchase_core.opening import Opening
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.workflows.giving_back import GivenBack


@click.group()
def invoices() -> None:
    """A customer's bills, and giving their money back.

    \b
    Examples:
      purchase invoices list user_1
      purchase invoices refund user_1 invoice:eu:in_1 --reason "a complaint"
    """


@invoices.command("list", short_help="Bills, the newest first.")
@click.argument("customer")
@click.option(
    "--limit",
    type=click.IntRange(1, PAGE_ROWS_MAX),
    default=100,
    show_default=True,
    help="How many at most.",
)
@click.option("--before", default="", metavar="INVOICE", help="Older than this one: the next page.")
@json_option
@click.pass_context
def list_(context: click.Context, *, customer: str, limit: int, before: str, as_json: bool) -> None:
    """Bills of a customer, the newest first: what was paid, what went back, what is on its way back.

    \b
    Examples:
      purchase invoices list user_1
      purchase invoices list user_1 --json
    """

    async def found(opening: Opening) -> Sequence[InvoiceRow]:
        async with opening.reading() as billing:
            return await billing.invoices.list(customer, before=before, limit=limit)

    rows = asyncio.run(found(find_app(context)))
    if as_json:
        print_json(with_times({"invoices": [msgspec.to_builtins(one) for one in rows]}))
        return
    cells = [
        [
            one.key,
            one.status,
            *(money_of(amount, one.currency) for amount in (one.paid, one.refunded, one.refunding)),
            time_of(one.paid_at or one.seen_at),
        ]
        for one in rows
    ]
    headers = ["invoice", "status", "paid", "went back", "on its way back", "when"]
    print_table(headers, cells, empty=f"{customer} has no {'more ' if before else ''}bills.")
    if len(rows) == limit:
        say(f"There may be more: purchase invoices list {customer} --before {rows[-1].key}")


@invoices.command(short_help="Give money back: asks first.")
@click.argument("customer")
@click.argument("invoice")
@click.option("--amount", metavar="AMOUNT", help="So much, as 3.00, in its currency; else what is left.")
@click.option("--reason", required=True, help="Why: it is kept with the receipt.")
@click.option("--by", default=yourself, show_default="you", help="Who decides it.")
@click.option("--again", is_flag=True, help="As much once more, although somebody gave it back before.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def refund(
    context: click.Context,
    *,
    customer: str,
    invoice: str,
    amount: str | None,
    reason: str,
    by: str,
    again: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Give back the money of a bill, or some of it. Asks first.

    Whoever asks for as much of the same bill as somebody before them is told who that was: it goes back once.
    More than is left is refused.

    \b
    Examples:
      purchase invoices refund user_1 invoice:eu:in_1 --reason "a complaint"
      purchase invoices refund user_1 invoice:eu:in_1 --reason delay --amount 3.00
      purchase invoices refund user_1 invoice:eu:in_1 --reason delay --again
    """

    async def given(opening: Opening) -> GivenBack:
        async with opening as billing:
            row = await billing.invoices.get(customer, invoice)
            minor = None if amount is None else Money(amount, row.currency).minor
            left = row.paid - row.refunded - row.refunding - row.disputed
            wanted = money_of(left if minor is None else minor, row.currency)
            say(f"{invoice}: {money_of(row.paid, row.currency)} paid, {money_of(left, row.currency)} left.")
            make_sure(f"Give back {wanted} to {customer}?", yes=yes)
            return await billing.invoices.give_back(
                customer, invoice, amount=minor, because=reason, by=by, again=again
            )

    done = asyncio.run(given(find_app(context)))
    if as_json:
        print_json(with_times(msgspec.to_builtins(done)))
        return
    money = money_of(done.refund.amount, done.refund.currency)
    if done.is_new:
        say(f"{money}, {done.refund.status}; {done.receipt}", head="Asked for.", fg="green")
    else:
        said = f"{money} by {done.by}, {time_of(done.asked_at)}: {done.because} ({done.refund.status})"
        say(f"{said}; {done.receipt}", head="Asked for already:", fg="yellow")
        say("Nothing more was done. If as much is meant once more, say --again.")
    if done.waits:
        say("The provider does not allow it yet; a worker asks again.")
