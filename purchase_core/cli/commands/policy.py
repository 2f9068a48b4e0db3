"""`purchase policy`."""

from __future__ import annotations

import asyncio

import attrs
import click
import msgspec

from purchase_core.access.policy import AccessPolicy, AccessRules
from purchase_core.cli.app import find_app
from purchase_core.cli.output import (
    instant_of,
    json_option,
    print_json,
    print_pairs,
    print_table,
    say,
    with_times,
)
from purchase_core.config.load import load_access
from purchase_core.instants import to_datetime
from purchase_core.opening import Opening
from purchase_core.reads.what_if import Difference, WhatIf

SAMPLES = 10


@click.group()
def policy() -> None:
    """What the state of a purchase means for rights, and what another policy would change.

    \b
    Examples:
      purchase policy show
      purchase policy what-if --policy new.toml
    """


@policy.command()
@json_option
@click.pass_context
def show(context: click.Context, *, as_json: bool) -> None:
    """The access policy that is in force, and its hash.

    \b
    Examples:
      purchase policy show
      purchase policy show --json
    """
    found = find_app(context).settings().access
    if as_json:
        print_json({"policy": {"hash": found.hash, **msgspec.to_builtins(found)}})
        return
    names = [field.name for field in attrs.fields(AccessRules)]
    products = sorted(found.products)
    rows = [
        [name, _value(found, name), *(_value(found.products[product], name) for product in products)]
        for name in names
    ]
    print_table(["rule", "all products", *products], rows, empty="")
    say(f"Policy {found.hash}")


@policy.command("what-if")
@click.option("--policy", "path", required=True, metavar="FILE", help="The other policy: keys of [access].")
@click.option("--samples", default=SAMPLES, type=click.IntRange(0, 1_000), help="Show so many customers.")
@click.option("--at", metavar="TIME", help="At this instant, as things will be then; else now.")
@json_option
@click.pass_context
def what_if(context: click.Context, *, path: str, samples: int, at: str | None, as_json: bool) -> None:
    """What every customer would gain and lose under another policy. Changes nothing.

    FILE holds the keys of [access], at its top or under that heading.

    \b
    Examples:
      purchase policy what-if --policy new.toml
      purchase policy what-if --policy new.toml --samples 100 --json
    """
    other = load_access(path)
    found = asyncio.run(_found(find_app(context), other, samples, at))
    if as_json:
        print_json(with_times(msgspec.to_builtins(found)))
        return
    print_pairs(
        [
            ("policy now", found.before),
            ("policy then", found.after),
            ("customers", f"{found.customers:,}"),
            ("would change", f"{found.changed:,}"),
        ]
    )
    rights = sorted({*found.gained, *found.lost})
    click.echo()
    print_table(
        ["right", "more", "less"],
        [[name, f"{found.gained.get(name, 0):,}", f"{found.lost.get(name, 0):,}"] for name in rights],
        empty="Nobody's rights would change.",
    )
    if found.samples:
        click.echo()
        print_table(["customer", "changes"], [_sample(one) for one in found.samples], empty="")


async def _found(opening: Opening, other: AccessPolicy, samples: int, at: str | None) -> WhatIf:
    async with opening.reading() as billing:
        return await billing.customers.what_if(
            other,
            at=to_datetime(instant_of("--at", at)) if at else None,
            samples_max=samples,
            tell=lambda customers, changed: say(f"{customers:,} customers, {changed:,} would change"),
        )


def _sample(one: Difference) -> list[str]:
    moved = [f"{move.name} {move.before:,} -> {move.after:,}" for move in one.moved]
    return [one.customer, ", ".join(moved)]


def _value(rules: AccessRules, name: str) -> str:
    return str(getattr(rules, name))
