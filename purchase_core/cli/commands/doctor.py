"""`purchase doctor`."""

from __future__ import annotations

import asyncio

import attrs
import click
import msgspec

from purchase_core.billing import Billing
from purchase_core.cli import exit_codes
from purchase_core.cli.app import find_application
from purchase_core.cli.crew import Crew, cores
from purchase_core.cli.output import json_option, print_json, print_table, say
from purchase_core.doctor import Doctor
from purchase_core.operations.truth import Examined
from purchase_core.records.finding import ERROR, INFO, LEVELS, WARNING, Finding

SHOWN_MAX = 1_000
NAMES = {ERROR: ("error", "errors"), WARNING: ("warning", "warnings"), INFO: ("info", "info")}
PROGRESS_FACTS = 100_000


@click.command()
@click.option("--ready", "only", flag_value="ready", help="Only whether it is ready for customers.")
@click.option(
    "--truth", "only", flag_value="truth", help="Only whether what is stored is what the facts say."
)
@click.option(
    "--jobs", type=click.IntRange(min=1), metavar="N", help="Processes for the truth; else one a core."
)
@click.option("--no-probe", is_flag=True, help="Send nothing to the public address.")
@click.option(
    "--fail-level",
    type=click.Choice(LEVELS),
    default=ERROR,
    show_default=True,
    help="Exit 3 from this level on.",
)
@click.option("--silence", multiple=True, metavar="ID", help="Leave out findings of this id.")
@json_option
@click.pass_context
def doctor(
    context: click.Context,
    /,
    *,
    only: str | None,
    jobs: int | None,
    no_probe: bool,
    fail_level: str,
    silence: tuple[str, ...],
    as_json: bool,
) -> None:
    """Look at everything: is it ready for customers, and is what is stored true?

    Ready: configuration, secrets, tables, keys, endpoints and their events, clocks, what waits. True: every
    row, cluster and document against the facts, and nothing that names what is not there. Changes nothing.

    \b
    Examples:
      purchase doctor
      purchase doctor --ready --fail-level warning    in a deploy
      purchase doctor --truth --json                  every night
      purchase doctor --truth --jobs 1                leave the other cores alone
      purchase doctor --silence endpoint.version
    """
    application = find_application(context)
    opening = application.opening()
    with Crew(application, _examined, jobs or cores()) as crew:
        found = asyncio.run(_examine(Doctor(opening), crew, only, probe=not no_probe, quiet=as_json))
    shown = [one for one in found.findings if one.id not in silence]
    if as_json:
        print_json(
            {"facts": found.facts, "findings": [msgspec.to_builtins(one) for one in shown[:SHOWN_MAX]]}
        )
    else:
        rows = [
            [one.level, one.id, one.message, one.fix, one.facts[0] if one.facts else ""]
            for one in sorted(shown, key=lambda one: -LEVELS.index(one.level))[:SHOWN_MAX]
        ]
        print_table(["level", "id", "what", "fix", "fact"], rows, empty="Nothing is wrong.")
        counts = [(sum(one.level == level for one in shown), NAMES[level]) for level in reversed(LEVELS)]
        told = ", ".join(f"{count:,} {name if count == 1 else names}" for count, (name, names) in counts)
        say(f"{told}; {found.facts:,} facts were looked at.")
    if any(LEVELS.index(one.level) >= LEVELS.index(fail_level) for one in shown):
        context.exit(exit_codes.DIFFERENCES)


@attrs.define
class _Found:
    """What was found, and in how many facts."""

    findings: list[Finding] = attrs.Factory(list)
    facts: int = 0


async def _examined(billing: Billing, first: str, last: str) -> Examined:
    return await billing.truth.examined(first, last)


async def _examine(
    doctor_: Doctor, crew: Crew[Examined], only: str | None, *, probe: bool, quiet: bool
) -> _Found:
    found, told = _Found(), 0
    if only != "truth":
        found.findings += await doctor_.readiness(probe=probe)
        if only is None and any(one.level == ERROR for one in found.findings):
            say("What is stored is not looked at until this is mended; --truth does so all the same.")
            return found
    if only != "ready":
        async for facts, findings in doctor_.truth(crew.over):
            found.facts += facts
            found.findings += findings
            if not quiet and found.facts - told >= PROGRESS_FACTS:
                told = found.facts
                say(f"{found.facts:,} facts looked at")
    return found
