"""`purchase credits`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click
import msgspec

from purchase_core.access.explain import has
from purchase_core.cli.app import find_app
from purchase_core.cli.asking import make_sure
from purchase_core.cli.exit_codes import DIFFERENCES
from purchase_core.cli.output import (
    instant_of,
    json_option,
    print_json,
    print_pairs,
    print_table,
    say,
    time_of,
    with_times,
)
from purchase_core.identifiers import RandomIds
from purchase_core.instants import to_datetime
from purchase_core.ledger.decision import Answer
from purchase_core.opening import Opening
from purchase_core.reads.wallets import Verification, Wallet
from purchase_core.records.movement import Movement


@click.group()
def credits() -> None:  # noqa: A001  # the command is called so
    """What a customer can spend, what was spent, and putting it right by hand.

    \b
    Examples:
      purchase credits wallet user_1 ai_credits
      purchase credits history user_1
      purchase credits adjust user_1 ai_credits 500 --reason "an outage"
      purchase credits verify user_1
    """


@credits.command(short_help="What can be spent of a unit, what is owed, what is reserved.")
@click.argument("customer")
@click.argument("unit")
@click.option("--at", metavar="TIME", help="What was there at this instant.")
@json_option
@click.pass_context
def wallet(context: click.Context, customer: str, unit: str, *, at: str | None, as_json: bool) -> None:
    """What a customer can spend of a UNIT of credits, what is owed, and what is reserved.

    \b
    Examples:
      purchase credits wallet user_1 ai_credits
      purchase credits wallet user_1 ai_credits --at 2026-01-31T12:00:00Z --json
    """

    async def found(opening: Opening) -> Wallet:
        async with opening.reading() as billing:
            when = to_datetime(instant_of("--at", at)) if at else None
            return await billing.credits.wallet(customer, unit, at=when)

    opening = find_app(context)
    told = asyncio.run(found(opening))
    if not told.lots and not told.debt:
        _say_if_unknown(opening, unit)
    if as_json:
        print_json(with_times(msgspec.to_builtins(told)))
        return
    pairs = [(name, f"{getattr(told, name):,}") for name in ("spendable", "live", "debt", "held")]
    print_pairs([("unit", told.unit), ("at", time_of(told.at)), *pairs])
    click.echo()
    lots = [[one.lot, f"{one.left:,}", time_of(one.expires_at) or "never"] for one in told.lots]
    if told.unnamed:
        lots.append(["(further lots)", f"{told.unnamed:,}", "never"])
    print_table(["lot, as they are spent", "left", "expires"], lots, empty="No credits.")
    if told.reservations:
        click.echo()
        held = [[one.reservation, f"{one.amount:,}", time_of(one.until)] for one in told.reservations]
        print_table(["reservation", "held", "until"], held, empty="")


@credits.command(short_help="What moved in a customer's journal, in order.")
@click.argument("customer")
@click.option("--unit", default="", help="Only this unit, or quota.")
@click.option("--after", default=0, metavar="POSITION", help="Only what came behind this position.")
@click.option("--limit", default=100, type=click.IntRange(1, 1_000), help="At most so many lines.")
@json_option
@click.pass_context
def history(
    context: click.Context, customer: str, *, unit: str, after: int, limit: int, as_json: bool
) -> None:
    """What moved in a customer's journal, in order: both sides of each movement.

    \b
    Examples:
      purchase credits history user_1
      purchase credits history user_1 --unit ai_credits --after 120 --json
    """

    async def found(opening: Opening) -> Sequence[Movement]:
        async with opening.reading() as billing:
            return await billing.credits.history(customer, unit=unit, after=after, limit=limit)

    told = asyncio.run(found(find_app(context)))
    if as_json:
        print_json(with_times({"history": msgspec.to_builtins(told)}))
        return
    rows = [
        [str(one.position), time_of(one.at), one.kind, one.unit, _sides(one), one.reason or one.cause or "-"]
        for one in told
    ]
    print_table(["", "when", "what", "unit", "moved", "because"], rows, empty="Nothing has moved.")
    if len(told) == limit:
        say(f"There may be more: purchase credits history {customer} --after {told[-1].position}")


@credits.command(short_help="Give credits that nobody pays for.")
@click.argument("customer")
@click.argument("unit")
@click.argument("amount", type=click.IntRange(1))
@click.option("--expires", metavar="TIME", help="When they expire; never, if it is not said.")
@click.option("--reason", default="", metavar="TEXT", help="Kept in the journal.")
@click.option("--key", default="", metavar="KEY", help="Once for each key; else once for each run.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def grant(  # an argument for each option
    context: click.Context,
    customer: str,
    unit: str,
    amount: int,
    *,
    expires: str | None,
    reason: str,
    key: str,
    yes: bool,
    as_json: bool,
) -> None:
    """Give a customer credits that nobody pays for. Asks first.

    \b
    Examples:
      purchase credits grant user_1 ai_credits 500
      purchase credits grant user_1 ai 500 --expires 2027-01-01T00:00Z --yes
    """
    opening = find_app(context)
    _say_if_unknown(opening, unit)
    make_sure(f"Give {amount:,} {unit} to {customer}?", yes=yes)
    ends = to_datetime(instant_of("--expires", expires)) if expires else None

    async def done() -> Answer:
        async with opening as billing:
            return await billing.credits.grant(
                customer,
                unit,
                amount,
                expires_at=ends,
                reason=reason,
                idempotency_key=key or RandomIds().new("cli"),
            )

    _tell(asyncio.run(done()), as_json=as_json)


@credits.command(short_help="Put a wallet right by hand.", context_settings={"ignore_unknown_options": True})
@click.argument("customer")
@click.argument("unit")
@click.argument("amount", type=int)
@click.option("--reason", required=True, metavar="TEXT", help="Kept in the journal.")
@click.option("--key", default="", metavar="KEY", help="Once for each key; else once for each run.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def adjust(  # an argument for each option
    context: click.Context,
    customer: str,
    unit: str,
    amount: int,
    *,
    reason: str,
    key: str,
    yes: bool,
    as_json: bool,
) -> None:
    """Put a wallet right by hand: AMOUNT credits more, or fewer if it is below zero. Asks first.

    \b
    Examples:
      purchase credits adjust user_1 ai_credits 500 --reason "an outage"
      purchase credits adjust user_1 ai_credits -20 --reason "an error" --yes
    """
    opening = find_app(context)
    _say_if_unknown(opening, unit)
    make_sure(f"{amount:+,} {unit} for {customer}?", yes=yes)

    async def done() -> Answer:
        async with opening as billing:
            return await billing.credits.adjust(
                customer,
                unit,
                amount,
                reason=reason,
                idempotency_key=key or RandomIds().new("cli"),
            )

    _tell(asyncio.run(done()), as_json=as_json)


@credits.command(short_help="Whether a journal is whole, and all else follows from it.")
@click.argument("customers", nargs=-1, required=True, metavar="CUSTOMER...")
@json_option
@click.pass_context
def verify(context: click.Context, customers: Sequence[str], *, as_json: bool) -> int:
    """Whether customers' journals are whole, and all else follows from them. Exit code 3 if not.

    Read are every movement with its hash and both of its sides, lots and ledger, and the live document.

    \b
    Examples:
      purchase credits verify user_1
      purchase credits verify user_1 user_2 --json
    """

    async def found(opening: Opening) -> list[Verification]:
        async with opening.reading() as billing:
            return [await billing.credits.verify(one) for one in customers]

    told = asyncio.run(found(find_app(context)))
    if as_json:
        print_json({"verified": msgspec.to_builtins(told)})
    else:
        rows = [
            [one.customer, f"{one.movements:,}", one.hash or "-", "no" if one.problems else "yes"]
            for one in told
        ]
        print_table(["customer", "movements", "hash", "whole"], rows, empty="")
        for one in told:
            for problem in one.problems:
                say(problem)
    return DIFFERENCES if any(one.problems for one in told) else 0


def _say_if_unknown(opening: Opening, unit: str) -> None:
    """A unit may be the application's alone; more often it is misspelt."""
    if not any(has(offer, unit) for offer in opening.catalog.offers.values()):
        say(f"No offer of the catalog has {unit!r}: check the spelling.")


def _sides(one: Movement) -> str:
    """Both sides of a movement, over all of its lots."""
    sums: dict[str, int] = {}
    for leg in one.legs:
        sums[leg.account] = sums.get(leg.account, 0) + leg.amount
    return ", ".join(f"{account} {amount:+,}" for account, amount in sums.items() if amount)


def _tell(answer: Answer, *, as_json: bool) -> None:
    if as_json:
        print_json(with_times(msgspec.to_builtins(answer)))
    else:
        print_pairs([("movement", answer.movement), ("can be spent now", f"{answer.balance:,}")])
