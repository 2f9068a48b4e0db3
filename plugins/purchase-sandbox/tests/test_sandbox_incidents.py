"""The incidents, each played to its end through the command line, as `purchase demo` plays them."""

from __future__ import annotations

import io
import json
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest

from purchase_core import Billing
from purchase_core.cli.main import cli, run
from purchase_core.facts.rows import InvoiceRow
from purchase_core.workflows import giving_back
from purchase_sandbox.demo import incident
from purchase_sandbox.demo.command import INCIDENTS as NUMBERS
from purchase_sandbox.incidents.database_restored import restore
from purchase_sandbox.incidents.known import INCIDENTS
from purchase_sandbox.incidents.stage import Stage, stage_on
from purchase_sandbox.incidents.telling import Scene, StoryFailed

RUNBOOKS = Path(__file__).parents[3] / "docs" / "operations" / "incidents.md"
RESTORED = 7
ELSEWHERE = [("stripe", 4), ("stripe", 6), ("stripe", 9), ("paddle", 2), ("paddle", 5), ("paddle", 10)]
OPTIONS_OF_MACHINES = {"--yes", "--by"}


class Listener:
    """Hears all of it."""

    def __init__(self) -> None:
        self.scenes: list[Scene] = []

    def coming(self, number: int, command: str) -> None:
        """It comes."""

    def told(self, scene: Scene) -> None:
        self.scenes.append(scene)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with stage_on("sandbox", tmp_path, Listener()) as stage:
        yield stage


@cache
def commands(number: int) -> list[str]:
    """What the operator runs in an incident."""
    listener = Listener()
    with TemporaryDirectory() as folder, stage_on("sandbox", Path(folder), listener) as stage:
        INCIDENTS[number].play(stage)
    return [one.command for one in listener.scenes if one.kind == "runs"]


# --- played ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", INCIDENTS, ids=str)
def test_the_operator_gets_out_of_it_by_the_commands_of_its_runbook(
    number: int,
) -> None:
    ran = [shape(one) for one in commands(number)]
    _, *sections = re.split(r"^## ", RUNBOOKS.read_text(), flags=re.MULTILINE)
    title, _, text = sections[number - 1].partition("\n")
    assert title == INCIDENTS[number].title
    written = [shape(line) for line in text.splitlines() if line.startswith("purchase ")]
    assert written, "a runbook has commands"
    assert [one for one in written if one not in ran] == [], "each is one that was run"
    assert [one for one in ran if one not in written] == [], "each that was run is written down"


def test_f87_a_restored_database_is_brought_up_to_date() -> None:
    assert "purchase reconcile" in commands(RESTORED)


@pytest.mark.parametrize(("provider", "number"), ELSEWHERE)
def test_it_is_the_same_on_other_providers(
    provider: str, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["demo", "--incident", str(number), "--headless", "--provider", provider, "--json"]
    assert run(command) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["played"], told["provider"], told["incident"]) == (True, provider, number)
    scenes = told["scenes"]
    assert [one["number"] for one in scenes] == list(range(1, len(scenes) + 1))
    assert scenes[-1]["kind"] == "now"
    assert {one["kind"] for one in scenes} == {"happens", "runs", "now"}


# --- told --------------------------------------------------------------------------------------------


def test_people_read_what_happens_what_is_run_and_what_is_true_now(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["demo", "--incident", "4", "--headless"]) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0] == "Incident 4: A customer has paid and has nothing"
    assert lines[2] == "  1. Ana writes: I have paid, and have nothing."
    assert "  2. $ purchase customers explain ana export" in lines
    assert "     (exit code 3)" in lines
    assert "  8. Now: Ana has what she paid for." in lines
    assert printed.err.startswith("Played. The operator got out of it")
    assert max(map(len, lines)) <= 80
    assert "…" not in printed.out, "nothing that was printed is cut off"


class Keyboard(io.StringIO):
    """Somebody who presses Enter, at a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("pressed", "ran"), [(6, 6), (1, 2)])
def test_each_command_waits_for_the_reader_who_may_look_around_at_the_end(
    pressed: int, ran: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def look(stage: Stage, port: int) -> None:
        async with stage.console() as url, httpx.AsyncClient(trust_env=False) as http:
            shown.append((await http.get(f"{url}/")).text)

    shown: list[str] = []
    monkeypatch.setattr(sys, "stdin", Keyboard("\n" * pressed))
    monkeypatch.setattr(incident, "_stay", look)
    assert run(["demo", "--incident", "6"]) == (0 if ran == 6 else 130)
    printed = capsys.readouterr()
    assert printed.out.count("$ purchase ") == printed.err.count("(Enter runs it)") == ran
    assert ("Now: 3.00 USD went back, once." in printed.out) == (ran == 6)
    assert ["Nothing waits for you" in one for one in shown] == [True] * (ran == 6)


def test_there_is_a_list_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--incident", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["incidents"]
    assert listed == [{"number": one.number, "title": one.title} for one in INCIDENTS.values()]
    assert ["list", *map(str, INCIDENTS)] == list(NUMBERS)


@pytest.mark.parametrize("more", [["--story", "life"], ["--provider", "stripe", "--provider", "paddle"]])
def test_an_incident_is_a_story_of_its_own(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--incident", "1", "--headless", *more]) == 2
    assert "with one provider" in capsys.readouterr().err


def test_the_database_can_be_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["demo", "--incident", "4", "--headless", "--db", str(tmp_path / "kept.db")]
    assert run(command) == 0
    assert (tmp_path / "kept.db").stat().st_size > 0
    assert run(command) == 2, "it is there already"


# --- a story that cannot fail would say nothing --------------------------------------------------------


def test_an_operator_who_does_not_get_out_of_it_is_a_failure(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = iter(range(100))

    async def next_(*_: object, **__: object) -> tuple[str, None]:
        return f"a key of their own {next(keys)}", None

    monkeypatch.setattr(giving_back.GivingBack, "_next", next_)
    assert run(["demo", "--incident", "6", "--headless"]) == 1
    assert "The story failed: purchase invoices refund" in capsys.readouterr().err


def test_what_is_not_so_ends_the_story(stage: Stage) -> None:
    with pytest.raises(StoryFailed, match="it is not so: ana has it"):
        stage.now("ana has it", *stage.has("ana"))
    with pytest.raises(StoryFailed, match="ended with 0 instead of 3"):
        stage.runs("attention", code=3)
    with pytest.raises(StoryFailed, match="does not say 'quarantine'"):
        stage.runs("attention", says=["quarantine"])


# --- after a restore -----------------------------------------------------------------------------------


@pytest.mark.parametrize("reconciled", [False, True])
def test_f87_what_was_sent_since_the_backup_has_its_effect_once(stage: Stage, *, reconciled: bool) -> None:
    """Whoever asked for it asks again under the same key, and it is the same command at the provider."""
    stage.buy("ana", "ben")
    stage.deliver()
    backup = Path(shutil.copy(stage.file, stage.folder / "backup"))

    async def refund(billing: Billing) -> str:
        (paid, *_) = [one for one in await billing.store.rows(InvoiceRow) if one.lane == "customer:ana"]
        done = await billing.invoices.refund("ana", paid.key, amount=300, idempotency_key="complaint-1")
        return done.refund.provider_id

    first = stage.do(refund)
    stage.deliver()
    restore(stage, backup)
    if reconciled:
        stage.runs("reconcile", "--repair")
    assert stage.do(refund) == first
    assert stage.side.refunds() == [300]
    stage.runs("doctor", "--truth", says=["Nothing is wrong."])


def shape(command: str) -> tuple[str, ...]:
    """A command without what it is about: its words and its options, but those that only machines say."""
    words = shlex.split(command)[1:]
    found: Any = cli
    names = []
    while words and hasattr(found, "get_command"):
        names.append(words.pop(0))
        found = found.get_command(None, names[-1])
    options = sorted({one for one in words if one.startswith("--")} - OPTIONS_OF_MACHINES)
    return (*names, *options)
