"""`purchase customers`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import click
import msgspec

from purchase_core.access.explain import Explanation
from purchase_core.access.rights import Rights
from purchase_core.billing import Billing
from purchase_core.cli.app import find_app
from purchase_core.cli.asking import make_sure, yourself
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
from purchase_core.facts.rows import LotRow, PurchaseRow, Row, SubscriptionRow
from purchase_core.instants import to_datetime
from purchase_core.money import money_of
from purchase_core.opening import Opening
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.reads.activity import Happening
from purchase_core.reads.customers import Snapshot
from purchase_core.reads.search import Hit, Search
from purchase_core.reads.snapshot_rows import SNAPSHOT_ROWS_MAX
from purchase_core.workflows.customers import Erased


@click.group()
def customers() -> None:
    """What a customer has, and may do.

    \b
    Examples:
      purchase customers show user_1
      purchase customers show user_1 --at 2026-01-31T12:00:00Z
      purchase customers explain user_1 export
      purchase customers activity user_1
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
    snapshot, offers = asyncio.run(_snapshot(find_app(context), customer, at, known_at))
    if as_json:
        print_json({**with_times(msgspec.to_builtins(snapshot)), "offers": offers})
        return
    if not snapshot.version:
        say(f"Nothing is known of {customer!r}; these are everybody's defaults.")
    print_pairs([*_rights(snapshot.rights), ("version", str(snapshot.version)), ("hash", snapshot.hash)])
    for title, rows in _sections(snapshot):
        if rows:
            click.echo()
            click.secho(title, bold=True)
            print_table(*_table(rows, offers), empty="")
            if rows[0].TABLE in snapshot.more:
                say(f"The newest {SNAPSHOT_ROWS_MAX:,} are shown, and what is open.")


@customers.command(short_help="Whose something is.")
@click.argument("text")
@json_option
@click.pass_context
def find(context: click.Context, text: str, *, as_json: bool) -> None:
    """Whose something is: a provider's id of anything, or a receipt's, a checkout's or a delivery's.

    \b
    Examples:
      purchase customers find sub_1A2b
      purchase customers find delivery_… --json
    """
    found = asyncio.run(_hits(find_app(context), text))
    if as_json:
        print_json({"customers": [msgspec.to_builtins(one) for one in found]})
        return
    rows = [[one.customer, one.by, f"purchase customers show {one.customer}"] for one in found]
    print_table(["customer", "by", "next"], rows, empty="Nobody: is it of a connection of this application?")


async def _hits(opening: Opening, text: str) -> Sequence[Hit]:
    settings = opening.settings()
    async with opening.reading() as billing:
        return await Search(billing.store, settings.connections).customers(text)


@customers.command(short_help="Why a customer has a feature, or has not.")
@click.argument("customer")
@click.argument("feature")
@click.option("--at", metavar="TIME", help="What was true at this instant.")
@json_option
@click.pass_context
def explain(context: click.Context, customer: str, feature: str, *, at: str | None, as_json: bool) -> None:
    """Why a customer has a feature, or has not: everything that grants it, or could.

    FEATURE is a feature, a quota, a licence or a unit of credits, as the catalog names it.

    \b
    Examples:
      purchase customers explain user_1 export
      purchase customers explain user_1 export --at 2026-01-31T12:00:00Z --json
    """
    found = asyncio.run(_explanation(find_app(context), customer, feature, at))
    if as_json:
        print_json(with_times(msgspec.to_builtins(found)))
        return
    print_pairs(
        [(feature, "yes" if found.granted else "no"), ("at", time_of(found.at)), ("policy", found.policy)]
    )
    click.echo()
    rows = [
        ["yes" if one.grants else "no", one.offer or "-", one.why, time_of(one.until), one.about or "-"]
        for one in found.reasons
    ]
    print_table(["grants", "offer", "why", "until", "about"], rows, empty="Nothing that could grant it.")
    if not found.granted:
        sold = ", ".join(found.sold_in)
        say(f"Sold in: {sold}." if sold else "No offer of the catalog has it: check the spelling.")


async def _explanation(opening: Opening, customer: str, feature: str, at: str | None) -> Explanation:
    async with opening.reading() as billing:
        instant = to_datetime(instant_of("--at", at)) if at else None
        return await billing.customers.explain(customer, feature, at=instant)


@customers.command(short_help="What happened to a customer, in order.")
@click.argument("customer")
@click.option("--after", default="", metavar="POSITION", help="Only what was recorded behind this position.")
@click.option("--limit", default=100, type=click.IntRange(1, 1_000), help="At most so many lines.")
@json_option
@click.pass_context
def activity(context: click.Context, customer: str, *, after: str, limit: int, as_json: bool) -> None:
    """What happened to a customer, in the order in which it was recorded.

    \b
    Examples:
      purchase customers activity user_1
      purchase customers activity user_1 --limit 50 --json
    """
    found = asyncio.run(_activity(find_app(context), customer, after, limit))
    if as_json:
        print_json(with_times({"activity": msgspec.to_builtins(found)}))
        return
    rows = [[time_of(one.at), one.text, one.about, one.cause] for one in found]
    print_table(["when", "what", "about", "known from"], rows, empty=f"Nothing is known of {customer!r}.")
    if len(found) == limit:
        say(f"There may be more: purchase customers activity {customer} --after {found[-1].position}")


@customers.command(short_help="Make two customers one.")
@click.argument("customer")
@click.argument("into")
@click.option("--reason", required=True, help="Why they are one: it is kept with the receipt.")
@click.option("--by", default=yourself, show_default="you", help="Who decides it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def merge(
    context: click.Context, customer: str, into: str, *, reason: str, by: str, yes: bool, as_json: bool
) -> None:
    """Make all that CUSTOMER has the property of INTO. It cannot be undone. Asks first.

    \b
    Examples:
      purchase customers merge user_7 user_1 --reason "two accounts of one person"
    """

    async def merged(opening: Opening) -> None:
        async with opening as billing:
            await _say_what_there_is(billing, customer)
            make_sure(f"Shall it all be {into}'s, for good?", yes=yes)
            await billing.customers.merge(customer, into=into, reason=reason, by=by)

    asyncio.run(merged(find_app(context)))
    if as_json:
        print_json({"merged": customer, "into": into})
    else:
        say(f"{customer} is {into} from now on.")


@customers.command(short_help="Forget who a customer is.")
@click.argument("customer")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def erase(context: click.Context, customer: str, *, yes: bool, as_json: bool) -> None:
    """Forget who a customer is: details, and the bodies of all events about them, now and later. Asks first.

    The ledger stays, under the application's id; subscriptions go on until they are cancelled. Copies in
    backups, in logs and at the provider are not erased by this.

    \b
    Examples:
      purchase customers erase user_1
      purchase customers erase user_1 --yes --json
    """

    async def erased(opening: Opening) -> Erased:
        async with opening as billing:
            await _say_what_there_is(billing, customer)
            make_sure("Shall it be forgotten who this is, for good?", yes=yes)
            return await billing.customers.erase(customer, tell=_progress)

    done = asyncio.run(erased(find_app(context)))
    if as_json:
        print_json({"erased": msgspec.to_builtins(done)})
    else:
        say(f"{done.customer} is forgotten; {done.events:,} events were emptied.")
        if done.waiting:
            say(f"{done.waiting:,} more will be, when a worker has read them.")


def _progress(looked: int, emptied: int) -> None:
    say(f"{looked:,} events looked at, {emptied:,} emptied")


async def _say_what_there_is(billing: Billing, customer: str) -> None:
    live = await billing.subscriptions.current(customer)
    bought = await billing.purchases.list(customer)
    more = " or more" if len(bought) == PAGE_ROWS_MAX else ""
    going = f"a subscription ({live.status})" if live else "no subscription"
    say(f"{customer} has {going} and {len(bought):,}{more} purchases.")


async def _activity(opening: Opening, customer: str, after: str, limit: int) -> Sequence[Happening]:
    async with opening.reading() as billing:
        return await billing.activity.list(customer, after=after, limit=limit)


async def _snapshot(
    opening: Opening, customer: str, at: str | None, known_at: str | None
) -> tuple[Snapshot, dict[str, str]]:
    """What there is of a customer, and the offers of the versions that it names, by their hashes."""
    async with opening.reading() as billing:
        snapshot = await billing.customers.snapshot(
            customer,
            at=to_datetime(instant_of("--at", at)) if at else None,
            known_at=to_datetime(instant_of("--known-at", known_at)) if known_at else None,
        )
        rows = [row for _, some in _sections(snapshot) for row in some]
        versions = {str(row.version) for row in rows if isinstance(row, _OF_AN_OFFER) and row.version}
        found = await billing.store.offers(sorted(versions))
        return snapshot, {version: one.offer for version, one in sorted(found.items())}


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
_OF_AN_OFFER = (SubscriptionRow, PurchaseRow, LotRow)


def _table(rows: Sequence[Row], offers: Mapping[str, str]) -> tuple[list[str], list[list[str]]]:
    told = {name for name in _SHOWN if hasattr(rows[0], name)}
    told |= {"offer"} if isinstance(rows[0], _OF_AN_OFFER) else set()
    columns = [name for name in _SHOWN if name in told]
    return columns, [[_value(row, name, offers) for name in columns] for row in rows]


def _value(row: Row, name: str, offers: Mapping[str, str]) -> str:
    if name == "offer" and isinstance(row, _OF_AN_OFFER):
        return offers.get(row.version, "-")
    value: object = getattr(row, name)
    if name in _MONEY and isinstance(value, int):
        return money_of(value, str(getattr(row, "currency", "")))
    if name.endswith(("_at", "_end")):
        return time_of(value)  # type: ignore[arg-type]  # instants, by the names of documented columns
    return str(value)
