"""An incident, played in the terminal: what happens, what the operator runs and reads, what is true then."""

from __future__ import annotations

import shutil
import sys
import textwrap
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
import click

from purchase_core.cli.exit_codes import FAILED, OK
from purchase_core.cli.output import print_json, print_table, printable, say
from purchase_sandbox.incidents.known import INCIDENTS
from purchase_sandbox.incidents.stage import stage_on
from purchase_sandbox.incidents.telling import Audience, Scene, StoryFailed

LINES_SHOWN_MAX = 12
COLUMNS_MAX = 120  # where nobody has a terminal
INDENT = "     "


def show_incidents(*, as_json: bool) -> int:
    """All that can be played."""
    found = INCIDENTS.values()
    if as_json:
        print_json({"incidents": [{"number": one.number, "title": one.title} for one in found]})
    else:
        print_table(["incident", "what"], [[str(one.number), one.title] for one in found], empty="")
        say("To play one: purchase demo --incident 1")
    return OK


def play_incident(number: int, provider: str, database: Path, *, headless: bool, as_json: bool) -> int:
    """Play it and tell it; 0 only if the operator got out of it. With people, commands wait for Enter."""
    incident, started = INCIDENTS[number], time.monotonic()
    heard = _Heard() if as_json else _Told(waits=not headless and sys.stdin.isatty())
    if not as_json:
        click.secho(f"Incident {number}: {incident.title}\n", bold=True)
    problem = ""
    with TemporaryDirectory(prefix="purchase-incident-") as folder:
        try:
            with stage_on(provider, Path(folder), heard, database) as stage:
                incident.play(stage)
        except StoryFailed as failed:
            problem = str(failed)
    milliseconds = round((time.monotonic() - started) * 1_000)
    if as_json:
        told: dict[str, object] = {"incident": number, "title": incident.title, "provider": provider}
        told |= {"played": not problem, "milliseconds": milliseconds}
        told |= {"error": {"code": "story_failed", "message": problem}} if problem else {}
        print_json({**told, "scenes": [attrs.asdict(one) for one in heard.scenes]})
    elif problem:
        say(problem, head="The story failed:", fg="red")
    else:
        say(f"The operator got out of it, after {milliseconds} ms.", head="Played.", fg="green")
    return FAILED if problem else OK


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
            click.echo(f"{INDENT}{self._fitting(printable(line))}".rstrip())
        left = len(scene.lines) - LINES_SHOWN_MAX
        if left > 0:
            click.secho(f"{INDENT}… and {left} more lines", dim=True)
        if scene.code:
            click.secho(f"{INDENT}(exit code {scene.code})", dim=True)
        click.echo()

    def _fitting(self, line: str) -> str:
        room = max(self._columns, COLUMNS_MAX) - len(INDENT)
        return line if len(line) <= room else f"{line[: room - 1]}…"
