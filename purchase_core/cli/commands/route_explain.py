"""`purchase route explain` and `verify`: where a checkout goes and why, and whether that comes out again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from purchase_core.cli import exit_codes
from purchase_core.cli.app import find_app
from purchase_core.cli.output import (
    json_option,
    print_json,
    print_pairs,
    print_table,
    say,
    time_of,
    with_times,
)
from purchase_core.errors import InvalidArgument, NotFound
from purchase_core.opening import Opening
from purchase_core.ports.router import Attribute, RoutingDecision
from purchase_core.records.command import Stage
from purchase_core.workflows.context import RouteContext, Scalar
from purchase_core.workflows.routing import Verification


@click.command("explain", short_help="Where a checkout went, or would go now, and why.")
@click.argument("receipt", metavar="[RECEIPT]", required=False)
@click.option("--offer", metavar="OFFER", help="What is sold, as product:plan.")
@click.option("--customer", metavar="ID", help="The application's id of the customer.")
@click.option("--quantity", type=int, default=1, show_default=True, help="How many.")
@click.option("--currency", default="", metavar="CODE", help="Else the offer's first.")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE",
    help="country, channel, or an attribute that the policy declares. Repeatable.",
)  # fmt: skip
@click.option("--key", default="", metavar="KEY", help="The idempotency key, which seeds chance.")
@click.option("--html", type=click.Path(dir_okay=False), metavar="FILE", help="Write it as a page.")
@json_option
@click.pass_context
def explain_command(
    context: click.Context,
    *,
    receipt: str | None,
    offer: str | None,
    customer: str | None,
    quantity: int,
    currency: str,
    settings: tuple[str, ...],
    key: str,
    html: str | None,
    as_json: bool,
) -> None:
    """Why a checkout went where it did (RECEIPT), or where one would go now. Nothing is written or called.

    Of a checkout that is only asked about, the health of connections is what the processes that sell know;
    here they count as well.

    \b
    Examples:
      purchase route explain receipt_… --html decision.html
      purchase route explain --offer app:pro --customer user_1
      purchase route explain --offer app:pro --customer user_1 --set country=DE
    """
    asked = any((offer, customer, currency, settings, key)) or quantity != 1
    if receipt and asked:
        raise click.UsageError("Name a receipt, or say what a checkout would be of, not both.")
    if not receipt and not (offer and customer):
        raise click.UsageError("Name a receipt, or say --offer and --customer.")

    async def ask(opening: Opening) -> tuple[RoutingDecision, Sequence[Stage], str]:
        async with opening.reading() as billing:
            if receipt:
                found = await billing.receipts.get(receipt)
                if found.decision is None:
                    raise NotFound(f"receipt {receipt!r} has no routing decision")
                return found.decision, found.stages, found.connection
            about = context_of(settings, dict(billing.routing.router.attributes))
            decision = await billing.routing.explain(
                customer=customer,
                offer=offer or "",
                quantity=quantity,
                currency=currency,
                context=about,
                key=key,
            )
            return decision, (), ""

    decision, stages, connection = asyncio.run(ask(find_app(context)))
    if html:
        from purchase_core.routing.decision_page import decision_page  # noqa: PLC0415  # only who wants one

        Path(html).write_text(
            decision_page(decision, receipt=receipt or "", connection=connection, stages=stages), "utf-8"
        )
        say(f"Wrote {html}")
    if as_json:
        document: dict[str, object] = {"decision": with_times(msgspec.to_builtins(decision))}
        if receipt:
            document["stages"] = [with_times(msgspec.to_builtins(one)) for one in stages]
        print_json(document)
        return
    print_decision(decision)
    if stages:
        click.echo()
        print_table(
            ["at", "stage", "detail"], [[time_of(one.at), one.name, one.detail] for one in stages], empty=""
        )


@click.command("verify", short_help="Whether a recorded decision comes out the same again.")
@click.argument("receipt", metavar="RECEIPT")
@json_option
@click.pass_context
def verify_command(context: click.Context, receipt: str, *, as_json: bool) -> int:
    """Run a receipt's routing decision again, by its recorded inputs and policy, and compare bytes.

    Ends with 1 where it does not come out the same, or cannot be run again.

    \b
    Examples:
      purchase route verify receipt_…
      purchase route verify receipt_… --json
    """

    async def ask(opening: Opening) -> Verification:
        async with opening.reading() as billing:
            return await billing.routing.verify(receipt)

    found = asyncio.run(ask(find_app(context)))
    if as_json:
        print_json({"verification": with_times(msgspec.to_builtins(found))})
    elif found.same:
        click.echo(f"The same, byte for byte: {', '.join(found.recorded.order) or 'nowhere'}.")
    elif found.why_not:
        click.echo(f"Cannot be run again: {found.why_not}.")
    else:
        click.echo(f"Not the same: {', '.join(found.differs) or 'only the bytes'}.")
    return exit_codes.OK if found.same else exit_codes.FAILED


# --- showing -------------------------------------------------------------------------------------


def context_of(settings: tuple[str, ...], declared: dict[str, Attribute]) -> RouteContext:
    """What `--set` says. Raises InvalidArgument."""
    said: dict[str, str] = {}
    for one in settings:
        name, separator, value = one.partition("=")
        if not separator:
            raise InvalidArgument("--set must be NAME=VALUE", hint="Such as --set country=DE.")
        said[name.strip()] = value.strip()
    attributes = {
        name: _typed(name, value, declared.get(name, Attribute()))
        for name, value in said.items()
        if name not in ("country", "channel")
    }
    return RouteContext(said.get("country", ""), said.get("channel", ""), attributes)


def _typed(name: str, value: str, attribute: Attribute) -> Scalar:
    if attribute.kind == "flag":
        if value not in ("true", "false"):
            raise InvalidArgument(f"--set {name} must be true or false")
        return value == "true"
    if attribute.kind == "number":
        try:
            return int(value)
        except ValueError:
            raise InvalidArgument(f"--set {name} must be a whole number") from None
    return value


def print_decision(decision: RoutingDecision) -> None:
    """A decision for people: where it goes, and each connection's verdict."""
    where = " then ".join(decision.order) or f"nowhere ({decision.refused})"
    print_pairs(
        [
            ("goes to", where),
            ("rule", decision.rule or "-"),
            ("policy", f"{decision.router} {decision.policy}"),
            ("seed", decision.seed),
        ]
    )
    click.echo()
    rows = [
        [
            one.connection,
            f"{one.step}: {one.excluded}" if one.excluded else "can take it",
            f"{100 * one.propensity:.0f} %",
            f"{one.score:.4g}",
            ", ".join(f"{name} {value:+.4g}" for name, value in one.scores),
            "; ".join(one.notes),
        ]
        for one in decision.verdicts
    ]
    print_table(
        ["connection", "verdict", "chance", "score", "made of", "notes"],
        rows,
        empty="No connection is configured.",
    )
    for one in decision.troubles:
        say(f"plugin {one.plugin} {one.kind} {one.detail}", head="Note:", fg="yellow")
