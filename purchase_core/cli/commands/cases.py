"""`purchase cases`."""

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
from purchase_core.errors import WrongState
from purchase_core.facts.rows import CaseRow
from purchase_core.money import money_of
from purchase_core.opening import Opening
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.records.lane import customer_of
from purchase_core.workflows.cases import CaseExplained, Settled, Taken
from purchase_core.workflows.remedies import Step

KINDS = (
    "mismatch",
    "excess",
    "unmapped",
    "unmatched",
    "unordered",
    "unclaimed",
    "overreturned",
    "contested",
)


@click.group()
def cases() -> None:
    """What a person should look at: money or state that is not as it was ordered.

    \b
    Examples:
      purchase cases list
      purchase cases show case:excess:invoice:eu:in_1
      purchase cases settle case:excess:invoice:eu:in_1
      purchase cases resolve case:mismatch:invoice:eu:in_2 --reason "a present"
    """


@cases.command("list")
@click.option("--kind", type=click.Choice(KINDS), metavar="KIND", help="Only these (see above).")
@click.option("--customer", default="", metavar="CUSTOMER", help="Only this customer's.")
@click.option("--all", "resolved", is_flag=True, help="Those too that somebody has resolved.")
@json_option
@click.pass_context
def list_(context: click.Context, *, kind: str | None, customer: str, resolved: bool, as_json: bool) -> None:
    """Open cases, with the money at stake.

    \b
    Examples:
      purchase cases list
      purchase cases list --kind mismatch --json

    \b
    Kinds:
      mismatch     not what was ordered: another amount, price or currency
      excess       paid twice, or a second subscription of the same
      unmapped     a price that no offer is known for
      overreturned more was refunded and disputed of a bill than was paid
      unmatched    ours, and no customer is known for it
      unordered    for an order of the customer's that is not known here
      unclaimed    bought by a guest who has not claimed it
      contested    two states claim the same instant
    """

    async def found(opening: Opening) -> list[CaseRow]:
        async with opening.reading() as billing:
            status = "" if resolved else "open"
            return list(await billing.cases.list(kind=kind or "", customer=customer, status=status))

    rows = asyncio.run(found(find_app(context)))
    if as_json:
        print_json({"cases": [_document(one) for one in rows]})
        return
    cells = [
        [
            one.key,
            one.status,
            _money(one.amount, one.currency),
            customer_of(one.lane) or "nobody",
            one.detail,
            time_of(one.opened_at),
        ]
        for one in rows
    ]
    headers = ["case", "status", "money", "customer", "what", "since"]
    print_table(headers, cells, empty="No open cases.")
    if len(rows) >= PAGE_ROWS_MAX:
        say(f"The first {PAGE_ROWS_MAX:,} are shown.")


@cases.command(short_help="One case, and what would set it right.")
@click.argument("case")
@json_option
@click.pass_context
def show(context: click.Context, case: str, *, as_json: bool) -> None:
    """One case: what it means, what would set it right, and what was done about it.

    CASE is its key, as `purchase cases list` shows it.

    \b
    Examples:
      purchase cases show case:excess:invoice:eu:in_1
      purchase cases show case:excess:invoice:eu:in_1 --json
    """

    async def found(opening: Opening) -> CaseExplained:
        async with opening.reading() as billing:
            return await billing.cases.explain(case)

    told = asyncio.run(found(find_app(context)))
    if as_json:
        print_json(with_times(msgspec.to_builtins(told)))
        return
    row = told.case
    pairs = [
        ("case", row.key),
        ("status", row.status),
        ("customer", customer_of(row.lane) or "nobody"),
        ("money", _money(row.amount, row.currency)),
        ("what", row.detail),
        ("since", time_of(row.opened_at)),
        ("advice", told.advice),
    ]
    if told.resolution:
        pairs.append(("resolved by", f"{told.resolution.by}, {time_of(told.resolution.at)}"))
        pairs.append(("because", told.resolution.reason))
    print_pairs(pairs)
    _section("would set it right", ["step", "about", "money"], [_step(one) for one in told.steps])
    _section("was tried", ["step", "about", "state", "receipt", "said"], [_taken(one) for one in told.tried])
    refunds = [[one.status, _money(one.amount, one.currency), one.command or "-"] for one in told.refunds]
    _section("refunds", ["status", "money", "receipt"], refunds)


@cases.command(short_help="Set a case right: asks before money moves.")
@click.argument("case")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def settle(context: click.Context, case: str, *, yes: bool, as_json: bool) -> None:
    """Set a case right: end what is too many, and give back the money. Asks first.

    Each step is a command of its own. Whatever is refused leaves the case open; do it again then. Exit code 1
    if a step failed.

    \b
    Examples:
      purchase cases settle case:excess:invoice:eu:in_1
      purchase cases settle case:excess:invoice:eu:in_1 --yes --json
    """

    async def settled(opening: Opening) -> Settled:
        async with opening as billing:
            told = await billing.cases.explain(case)
            if not told.steps:
                raise WrongState(f"nothing can be done about {case} now", hint=told.advice)
            for step in told.steps:
                say(" ".join(_step(step)))
            make_sure("Do this?", yes=yes)
            return await billing.cases.settle(case)

    done = asyncio.run(settled(find_app(context)))
    if as_json:
        print_json(with_times(msgspec.to_builtins(done)))
    else:
        print_table(
            ["step", "about", "state", "receipt", "said"], [_taken(one) for one in done.taken], empty=""
        )
        say("The case is closed." if done.case is None else "The case is still open.")
    if any(one.error for one in done.taken):
        context.exit(1)


@cases.command(short_help="Say that a case is right as it is.")
@click.argument("case")
@click.option("--reason", required=True, help="Why nothing needs to be done.")
@click.option("--by", default=yourself, show_default="you", help="Who decides it.")
@json_option
@click.pass_context
def resolve(context: click.Context, case: str, *, reason: str, by: str, as_json: bool) -> None:
    """Say that a case is right as it is. No money moves; it opens again if there is more to it one day.

    \b
    Examples:
      purchase cases resolve case:mismatch:invoice:eu:in_2 --reason "a present"
    """

    async def resolved(opening: Opening) -> CaseRow:
        async with opening as billing:
            return await billing.cases.resolve(case, reason=reason, by=by)

    row = asyncio.run(resolved(find_app(context)))
    if as_json:
        print_json({"case": _document(row)})
    else:
        say(f"{row.key} is resolved.")


def _section(title: str, headers: list[str], cells: list[list[str]]) -> None:
    if cells:
        click.echo()
        click.secho(title, bold=True)
        print_table(headers, cells, empty="")


def _step(step: Step) -> list[str]:
    return [step.kind, step.about, _money(step.amount, step.currency)]


def _taken(one: Taken) -> list[str]:
    return [one.step.kind, one.step.about, one.state, one.receipt or "-", one.error]


def _money(amount: int, currency: str) -> str:
    return money_of(amount, currency) or "-"


def _document(case: CaseRow) -> dict[str, object]:
    return {
        "key": case.key,
        "kind": case.kind,
        "status": case.status,
        "customer": customer_of(case.lane),
        "about": case.about,
        "detail": case.detail,
        "amount": case.amount,
        "currency": case.currency,
        "opened_at": time_of(case.opened_at),
    }
