"""`purchase customers`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click
import msgspec

from purchase_core.access.rights import Rights
from purchase_core.cli.app import find_app
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
from purchase_core.facts.rows import Row
from purchase_core.instants import to_datetime
from purchase_core.money import Money
from purchase_core.opening import Opening
from purchase_core.reads.customers import Snapshot


@click.group()
def customers() -> None:
    """What a customer has, and may do.

    \b
    Examples:
      purchase customers show user_1
      purchase customers show user_1 --at 2026-01-31T12:00:00Z
    """


@customers.command(short_help="One customer: rights, purchases, invoices, open cases.")
@click.argument("customer")
@click.option("--at", metavar="TIME", help="What was true at this instant.")
@click.option("--known-at", metavar="TIME", help="As far as we knew at this instant.")
@json_option
@click.pass_context
def show(
    context: click.Context, customer: str, *, at: str | None, known_at: str | None, as_json: bool
) -> None:
    """One customer: rights, subscriptions, purchases, credits, invoices and open cases.

    CUSTOMER is the application's own name for them.

    \b
    Examples:
      purchase customers show user_1
      purchase customers show user_1 --at 2026-01-31T12:00:00Z
      purchase customers show user_1 --known-at 2026-01-31T12:00:00Z --json
    """
    snapshot = asyncio.run(_snapshot(find_app(context), customer, at, known_at))
    if as_json:
        print_json(_document(snapshot))
        return
    if not snapshot.version:
        say(f"Nothing is known of {customer!r}; these are everybody's defaults.")
    print_pairs([*_rights(snapshot.rights), ("version", str(snapshot.version)), ("hash", snapshot.hash)])
    for title, rows in _sections(snapshot):
        if rows:
            click.echo()
            click.secho(title, bold=True)
            print_table(*_table(rows), empty="")


async def _snapshot(opening: Opening, customer: str, at: str | None, known_at: str | None) -> Snapshot:
    async with opening.reading() as billing:
        return await billing.customers.snapshot(
            customer,
            at=to_datetime(instant_of("--at", at)) if at else None,
            known_at=to_datetime(instant_of("--known-at", known_at)) if known_at else None,
        )


def _rights(rights: Rights) -> list[tuple[str, str]]:
    quotas = [f"{name} {quota.limit:,}/{quota.reset}" for name, quota in sorted(rights.quotas.items())]
    amounts = [f"{name} {amount:,}" for name, amount in sorted(rights.credits.items())]
    seats = [f"{name} {count:,} seats" for name, count in sorted(rights.licences.items())]
    return [
        ("at", time_of(rights.at)),
        ("holds until", time_of(rights.valid_until) or "something happens"),
        ("features", ", ".join(sorted(rights.features)) or "-"),
        ("quotas", ", ".join(quotas) or "-"),
        ("credits", ", ".join(amounts) or "-"),
        ("licences", ", ".join(seats) or "-"),
    ]


def _sections(snapshot: Snapshot) -> list[tuple[str, Sequence[Row]]]:
    return [
        ("subscriptions", snapshot.subscriptions),
        ("purchases", snapshot.purchases),
        ("lots of credits", snapshot.lots),
        ("invoices", snapshot.invoices),
        ("checkouts", snapshot.intents),
        ("cases", snapshot.cases),
    ]


_SHOWN = (
    "key", "kind", "offer", "status", "match", "bound", "quantity", "unit", "granted", "clawed", "paid",
    "refunded", "period_end", "expires_at", "detail",
)  # fmt: skip
_MONEY = ("paid", "refunded")


def _table(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    columns = [name for name in _SHOWN if hasattr(rows[0], name)]
    return columns, [[_value(row, name) for name in columns] for row in rows]


def _value(row: Row, name: str) -> str:
    value: object = getattr(row, name)
    if name in _MONEY and isinstance(value, int):
        return str(Money.of_minor(value, str(getattr(row, "currency", ""))))
    if name.endswith(("_at", "_end")):
        return time_of(value)  # type: ignore[arg-type]  # instants, by the names of documented columns
    return str(value)


def _document(snapshot: Snapshot) -> dict[str, object]:
    return with_times(msgspec.to_builtins(snapshot))
