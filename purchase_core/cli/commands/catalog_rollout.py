"""`purchase catalog plan`, `apply`, `check` and `versions`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from purchase_core.cli import exit_codes
from purchase_core.cli.app import find_app, looking
from purchase_core.cli.asking import make_sure
from purchase_core.cli.output import (
    json_option,
    print_json,
    print_table,
    printable,
    say,
    time_of,
    with_times,
)
from purchase_core.errors import InvalidArgument, NotFound
from purchase_core.opening import Opening
from purchase_core.rollout.history import Rolled
from purchase_core.rollout.plan import PLAN_BYTES_MAX, Act, Doubt, Plan, Step, decode_plan
from purchase_core.rollout.plan_words import SYMBOLS, by_offer, sentence, summary
from purchase_core.workflows.rollout import Applied

COLORS: dict[Act, str] = {
    "create": "green",
    "replace": "yellow",
    "reinstate": "green",
    "adopt": "cyan",
    "update": "yellow",
    "link": "cyan",
    "retire": "red",
    "archive": "red",
    "forget": "red",
}


@click.command("plan", short_help="What would be done at the providers, and whom it touches.")
@click.option("--connection", "connections", multiple=True, metavar="NAME", help="Only this one. Repeatable.")
@click.option("--to", default="", metavar="VERSION", help="Back to a catalog that was rolled out before.")
@click.option(
    "--answer", "given", multiple=True, metavar="ID=ANSWER", help="The answer to a doubt. Repeatable."
)
@click.option("-o", "--output", type=click.Path(dir_okay=False), metavar="FILE", help="Write the plan.")
@click.option("--html", type=click.Path(dir_okay=False), metavar="FILE", help="Write it as a page.")
@json_option
@click.pass_context
def plan_command(
    context: click.Context,
    *,
    connections: tuple[str, ...],
    to: str,
    given: tuple[str, ...],
    output: str | None,
    html: str | None,
    as_json: bool,
) -> None:
    """Compare the code's catalog with the providers and with our own records. Nothing is written or changed.

    What the plan cannot tell by itself it asks: on a terminal at once, else by --answer.

    \b
    Examples:
      purchase catalog plan
      purchase catalog plan -o plan.json --html plan.html
      purchase catalog plan --to 3f2a91bc -o back.json
    """
    opening, answers = find_app(context), _answers(given)
    found = _planned(opening, connections, to, answers)
    if found.doubts and sys.stdin.isatty() and not as_json:
        for doubt in found.doubts:
            answers[doubt.id] = _asked(doubt)
        found = _planned(opening, connections, to, answers)
    if output:
        Path(output).write_bytes(found.encode())
    if html:
        from purchase_core.rollout.review import review_page  # noqa: PLC0415  # only where it is asked for

        Path(html).write_text(review_page(found))
    if as_json:
        print_json(_document(found))
        return
    _show(found)
    if output:
        say(f"Written to {output}: `purchase catalog apply {output}` does it.")
    elif found.steps:
        say("Not kept: -o FILE writes the plan, which is what can be applied.")


@click.command("apply", short_help="Do what a plan says, and nothing else.")
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--take-over", is_flag=True, help="Although another process may be at it still.")
@json_option
@click.pass_context
def apply_command(context: click.Context, file: str, *, yes: bool, take_over: bool, as_json: bool) -> None:
    """Carry out a plan. It is looked at again first: if anything has moved since, nothing is done.

    If it was killed, or a provider was down, apply the same file again: it goes on where it stopped.

    \b
    Examples:
      purchase catalog apply plan.json
      purchase catalog apply plan.json --yes --json
    """
    opening, plan = find_app(context), _read(file)
    live = [one.name for one in plan.accounts if one.mode == "live"]
    if not as_json:
        _show(plan)
    if live and any(step.moves_money for step in plan.steps):
        make_sure(f"Apply this to {', '.join(live)}, where money moves?", yes=yes)
    applied = asyncio.run(_applied(opening, plan, take_over=take_over, quiet=as_json))
    if as_json:
        done = [msgspec.to_builtins(step) for step in applied.done]
        print_json({"receipt": applied.receipt, "catalog": applied.catalog, "done": done})
        return
    what = f"{len(applied.done)} steps done" if applied.done else "Nothing was left to do"
    say(f"{what}; {applied.receipt}", head="Done.", fg="green")


@click.command("check", short_help="Exit 3 if a provider is not as the catalog says.")
@click.option("--connection", "connections", multiple=True, metavar="NAME", help="Only this one. Repeatable.")
@json_option
@click.pass_context
def check_command(context: click.Context, *, connections: tuple[str, ...], as_json: bool) -> int:
    """Whether the providers are as the catalog says; for CI. Reads only.

    \b
    Examples:
      purchase catalog check
      purchase catalog check --json
    """
    found = _planned(find_app(context), connections, "", {})
    if as_json:
        print_json(_document(found))
    else:
        _show(found)
    return exit_codes.DIFFERENCES if found.steps or found.doubts else exit_codes.OK


@click.command("versions", short_help="Catalogs that were rolled out, newest first.")
@json_option
@click.pass_context
def versions_command(context: click.Context, *, as_json: bool) -> None:
    """Catalogs that were rolled out: `purchase catalog plan --to VERSION` leads back to one.

    \b
    Examples:
      purchase catalog versions
      purchase catalog versions --json
    """

    async def found(opening: Opening) -> Sequence[Rolled]:
        async with opening.reading() as billing:
            return await billing.rollout.versions()

    rolled = list(reversed(asyncio.run(found(find_app(context)))))
    if as_json:
        print_json({"versions": [with_times(msgspec.to_builtins(one)) for one in rolled]})
        return
    rows = [
        [one.catalog, time_of(one.at), "in force" if not place else ""] for place, one in enumerate(rolled)
    ]
    print_table(["version", "rolled out", ""], rows, empty="Nothing was rolled out yet.")


def _planned(opening: Opening, connections: Sequence[str], to: str, answers: dict[str, str]) -> Plan:
    async def planned() -> Plan:
        async with looking(opening) as billing:
            return await billing.rollout.plan(connections=connections, to=to, answers=answers)

    return asyncio.run(planned())


async def _applied(opening: Opening, plan: Plan, *, take_over: bool, quiet: bool) -> Applied:
    def progress(step: Step, number: int, count: int) -> None:
        if not quiet:
            say(f"{number}/{count} {step.connection}: {step.act} {step.kind} {step.offer}")

    async with opening as billing:
        return await billing.rollout.apply(plan, take_over=take_over, progress=progress)


def _read(file: str) -> Plan:
    try:
        with Path(file).open("rb") as stream:
            return decode_plan(stream.read(PLAN_BYTES_MAX + 1))
    except OSError as error:
        raise NotFound(
            f"{Path(file).name} cannot be read: {error.strerror}",
            hint="`purchase catalog plan -o FILE` writes one.",
        ) from None


def _answers(given: Sequence[str]) -> dict[str, str]:
    pairs = [one.rpartition("=") for one in given]
    wrong = [whole for whole, (name, _, answer) in zip(given, pairs, strict=True) if not (name and answer)]
    if wrong:
        raise InvalidArgument(f"--answer {wrong[0][:100]!r} is not of the form ID=ANSWER")
    return {name: answer for name, _, answer in pairs}


def _asked(doubt: Doubt) -> str:
    say(f"{doubt.connection}: {doubt.question}", head="?", fg="yellow")
    for choice in doubt.choices:
        say(f"  {choice.answer}: {choice.meaning}{f' ({choice.confidence})' if choice.confidence else ''}")
    words = [choice.answer for choice in doubt.choices]
    return str(click.prompt("Answer", type=click.Choice(words), err=True))


def _show(plan: Plan) -> None:
    """The plan for people: grouped by offer, each step with its sign."""
    for offer, steps in by_offer(plan):
        click.secho(printable(offer or "of no offer"), bold=True)
        for step in steps:
            sign = click.style(SYMBOLS[step.act], fg=COLORS[step.act], bold=True)
            click.echo(f"  {sign} {printable(step.connection)}: {printable(sentence(step))}")
    for doubt in plan.doubts:
        click.echo(f"{click.style('?', fg='yellow', bold=True)} {printable(doubt.question)}")
        for choice in doubt.choices:
            aside = f" ({choice.confidence})" if choice.confidence else ""
            click.echo(
                f"    --answer {printable(doubt.id)}={choice.answer}   {printable(choice.meaning)}{aside}"
            )
    for notice in plan.notices:
        say(f"{notice.connection}: {notice.about}: {notice.text}", head="Note:", fg="yellow")
    click.echo(summary(plan))


def _document(plan: Plan) -> dict[str, object]:
    told: dict[str, object] = msgspec.to_builtins(plan)
    return {**with_times(told), "id": plan.id, "drift": plan.drift, "summary": summary(plan)}
