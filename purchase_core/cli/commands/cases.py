"""`purchase cases`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click

from purchase_core.cli.app import find_app
from purchase_core.cli.output import json_option, print_json, print_table, say, time_of
from purchase_core.facts.rows import CaseRow
from purchase_core.money import Money
from purchase_core.opening import Opening
from purchase_core.ports.store import PAGE_ROWS_MAX
from purchase_core.records.lane import customer_of

KINDS = ("mismatch", "excess", "unmapped", "unmatched", "contested")


@click.group()
def cases() -> None:
    """What a person should look at: money or state that is not as it was ordered.

    \b
    Examples:
      purchase cases list
      purchase cases list --kind excess    paid twice, or more than was ordered
    """


@cases.command("list")
@click.option("--kind", type=click.Choice(KINDS), help="Only these.")
@json_option
@click.pass_context
def list_(context: click.Context, *, kind: str | None, as_json: bool) -> None:
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
      unmatched    ours, and no customer is known for it
      contested    two states claim the same instant
    """
    found = [one for one in asyncio.run(_cases(find_app(context))) if kind in (None, one.kind)]
    if as_json:
        print_json({"cases": [_document(one) for one in found]})
        return
    rows = [
        [
            one.kind,
            _money(one),
            customer_of(one.lane) or "nobody",
            one.about,
            one.detail,
            time_of(one.opened_at),
        ]
        for one in found
    ]
    print_table(["kind", "money", "customer", "about", "what", "since"], rows, empty="No open cases.")
    if len(found) >= PAGE_ROWS_MAX:
        say(f"The first {PAGE_ROWS_MAX:,} are shown.")


async def _cases(opening: Opening) -> Sequence[CaseRow]:
    async with opening.reading() as billing:
        return await billing.store.rows(CaseRow)


def _money(case: CaseRow) -> str:
    return str(Money.of_minor(case.amount, case.currency)) if case.currency else "-"


def _document(case: CaseRow) -> dict[str, object]:
    return {
        "key": case.key,
        "kind": case.kind,
        "customer": customer_of(case.lane),
        "about": case.about,
        "detail": case.detail,
        "amount": case.amount,
        "currency": case.currency,
        "opened_at": time_of(case.opened_at),
    }
