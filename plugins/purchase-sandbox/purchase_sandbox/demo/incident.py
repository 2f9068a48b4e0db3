"""An incident, played in the terminal: what happens, what the operator runs and reads, what is true then."""

from __future__ import annotations

import asyncio
import shutil
import sys
import textwrap
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
import click

from purchase_core.cli.exit_codes import FAILED, OK
from purchase_core.cli.output import print_json, print_table, printable, say
from purchase_core.cli.serving import run_until_stopped
from purchase_core.errors import PluginMissing
from purchase_sandbox.incidents.known import INCIDENTS, Incident
from purchase_sandbox.incidents.stage import Stage, stage_on
from purchase_sandbox.incidents.telling import Audience, Scene, StoryFailed

from .live import program

LINES_SHOWN_MAX = 12
COLUMNS_MAX = 120  # where nobody has a terminal
COLUMNS_MIN = 40
INDENT = "     "


def show_incidents(*, as_json: bool) -> int:
    """All that can be played."""
    found = INCIDENTS.values()
    if as_json:
        print_json({"incidents": [{"number": one.number, "title": one.title} for one in found]})
    else:
        print_table(["incident", "what"], [[str(one.number), one.title] for one in found], empty="")
        say(f"To play one: {program()} demo --incident 1")
    return OK


def play_incident(
    number: int, provider: str, database: Path, port: int, *, headless: bool, as_json: bool
) -> int:
    """Play it and tell it; 0 only if the operator got out of it.

    With people, commands wait for Enter, and the console stays open at the end, at that port.
    """
    incident, started = INCIDENTS[number], time.monotonic()
    with_people = not headless and not as_json and sys.stdin.isatty()
    heard = _Heard() if as_json else _Told(waits=with_people)
    if not as_json:
        click.secho(f"Incident {number}: {incident.title}\n", bold=True)
    with (
        TemporaryDirectory(prefix="purchase-incident-") as folder,
        stage_on(provider, Path(folder), heard, database) as stage,
    ):
        problem = _problem(incident, stage)
        milliseconds = round((time.monotonic() - started) * 1_000)
        if as_json:
            told = {"incident": number, "title": incident.title, "provider": provider}
            _print(told, problem, milliseconds, heard.scenes)
        elif problem:
            say(problem, head="The story failed:", fg="red")
        else:
            say(f"The operator got out of it, after {milliseconds} ms.", head="Played.", fg="green")
        if with_people and not problem:
            run_until_stopped(_stay(stage, port))
    return FAILED if problem else OK


def _problem(incident: Incident, stage: Stage) -> str:
    """Play it; what did not end as it should."""
    try:
        incident.play(stage)
    except StoryFailed as failed:
        return str(failed)
    return ""


def _print(told: dict[str, object], problem: str, milliseconds: int, scenes: Sequence[Scene]) -> None:
    error = {"error": {"code": "story_failed", "message": problem}} if problem else {}
    outcome = {"played": not problem, "milliseconds": milliseconds}
    print_json({**told, **outcome, **error, "scenes": [attrs.asdict(one) for one in scenes]})


async def _stay(stage: Stage, port: int) -> None:
    """Let people look around until ^C, where the console is installed."""
    with suppress(PluginMissing):
        async with stage.console(port) as url:
            say(f"{url}/ shows it as it is now. ^C ends.", head="The console:", fg="green")
            await asyncio.Event().wait()


class _Heard(Audience):
    """Machines get all of it at the end."""

    def __init__(self) -> None:
        self.scenes: list[Scene] = []

    def coming(self, number: int, command: str) -> None:
        """Nothing."""

    def told(self, scene: Scene) -> None:
        self.scenes.append(scene)


class _Told(_Heard):
    """People read along. `waits`: a command is run when they have read it, and pressed Enter."""

    def __init__(self, *, waits: bool) -> None:
        super().__init__()
        self._waits = waits
        self._columns = shutil.get_terminal_size((COLUMNS_MAX, 24)).columns

    def coming(self, number: int, command: str) -> None:
        click.echo(f"{number:3}. {click.style(f'$ {printable(command)}', bold=True)}")
        if self._waits:
            click.prompt(
                f"{INDENT}(Enter runs it)", default="", prompt_suffix=" ", show_default=False, err=True
            )

    def told(self, scene: Scene) -> None:
        super().told(scene)
        if scene.kind != "runs":
            head = click.style("Now: ", fg="green", bold=True) if scene.kind == "now" else ""
            wrapped = textwrap.wrap(printable(scene.text), min(self._columns, COLUMNS_MAX) - 2 * len(INDENT))
            click.echo(f"{scene.number:3}. {head}{f'{chr(10)}{INDENT}'.join(wrapped)}\n")
            return
        for line in scene.lines[:LINES_SHOWN_MAX]:
            click.echo(self._wrapped(printable(line)))
        left = len(scene.lines) - LINES_SHOWN_MAX
        if left > 0:
            click.secho(f"{INDENT}… and {left} more lines", dim=True)
        if scene.code:
            click.secho(f"{INDENT}(exit code {scene.code})", dim=True)
        click.echo()

    def _wrapped(self, line: str) -> str:
        """All of it: what stands at the end of a row is often what to run next."""
        parts = textwrap.wrap(
            line,
            max(self._columns, COLUMNS_MIN),
            initial_indent=INDENT,
            subsequent_indent=f"{INDENT}    ",
            replace_whitespace=False,
            break_on_hyphens=False,
        )
        return "\n".join(parts)
