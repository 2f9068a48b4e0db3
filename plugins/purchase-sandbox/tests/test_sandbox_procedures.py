"""Procedures of docs/operations: whoever does what a page says, in order, is told what the page says."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from purchase_core.secret import Secret
from purchase_sandbox.incidents.database_restored import restore
from purchase_sandbox.incidents.stage import HOUR_SECONDS, Stage, stage_on
from purchase_sandbox.incidents.telling import Scene

PAGES = Path(__file__).parents[3] / "docs" / "operations"
PART = re.compile(r"^ *```\n(?P<text>.*?)^ *```|^ *<!-- (?P<note>.*?) -->", re.MULTILINE | re.DOTALL)
NEW = Secret("whsec_procedure_new_0123456789abcdefghijklm")
STANDS_FOR = {"stripe-eu": "main", "user_1": "ana", "purchase work": "purchase work --once"}


class Nobody:
    """Hears nothing."""

    def coming(self, number: int, command: str) -> None:
        """It comes."""

    def told(self, scene: Scene) -> None:
        """It is over."""


def rollout(stage: Stage) -> None:
    """Ana has bought, and the catalog is at the provider."""
    plan = str(stage.folder / "plan.json")
    stage.asks("catalog", "plan", "-o", plan)
    stage.asks("catalog", "apply", plan, "--yes")
    stage.buy("ana")
    stage.deliver()


def replay(stage: Stage) -> None:
    """What Ana did arrived, and is in a file too; of Ben nothing arrived."""
    stage.buy("ana")
    sent = stage.sent()
    Path("events.jsonl").write_bytes(b"\n".join(one.body for one in sent) + b"\n")
    stage.deliver(sent)
    stage.buy("ben")


def backup(stage: Stage) -> None:
    """The database is that of an hour ago."""
    stage.buy("ana")
    stage.deliver()
    kept = Path(shutil.copy(stage.file, stage.folder / "purchase.backup"))
    stage.side.advance(seconds=HOUR_SECONDS)
    stage.buy("ben")
    stage.deliver()
    restore(stage, kept)


def secrets(stage: Stage) -> None:
    """The provider has two secrets."""
    stage.buy("ana")
    stage.deliver()


def both(stage: Stage) -> None:
    """Whichever secret signs is taken."""
    stage.secrets = [NEW, stage.side.secret]
    stage.buy("ben", "cara")
    sent = stage.sent()
    half = len(sent) // 2
    old = stage.deliver(sent[:half])
    new = stage.deliver([type(one)(one.body, NEW) for one in sent[half:]])
    assert "signature_invalid" not in old + new


def taken_out(stage: Stage) -> None:
    """What the old one signs is refused."""
    stage.secrets = [NEW]
    stage.buy("dora")
    assert set(stage.deliver()) == {"signature_invalid"}


def retention(stage: Stage) -> None:
    """Ana has bought, and was told of ever since."""
    stage.buy("ana")
    stage.deliver()
    stage.side.advance(seconds=200 * 24 * HOUR_SECONDS)


def schema(stage: Stage) -> None:
    """There are no tables yet."""


PROCEDURES: tuple[Callable[[Stage], None], ...] = (rollout, replay, backup, secrets, retention, schema)
NOTES: Mapping[str, Callable[[Stage], None]] = {
    "both secrets are configured": both,
    "the old one is taken out": taken_out,
}


@pytest.mark.parametrize("begin", PROCEDURES, ids=lambda one: one.__name__)
def test_whoever_does_what_the_page_says_is_told_what_it_says(
    begin: Callable[[Stage], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (PAGES / f"{begin.__name__}.md").read_text()
    count = 0
    with stage_on("sandbox", tmp_path, Nobody()) as stage:
        begin(stage)
        for part in PART.finditer(page):
            if part["note"]:
                NOTES[part["note"]](stage)
            for line in (part["text"] or "").splitlines():
                stage.runs(*words(line), code=code(line))
                count += 1
        stage.runs("doctor", "--truth", says=["Nothing is wrong."])
    assert count == len(re.findall(r"^ *purchase ", page, re.MULTILINE)) > 0


def words(line: str) -> list[str]:
    """The command, on what there is here."""
    command = line.partition("#")[0]
    for name, here in STANDS_FOR.items():
        command = command.replace(name, here)
    return shlex.split(command)[1:]


def code(line: str) -> int:
    """How the page says that it ends."""
    said = re.search(r"# exit (\d+)", line)
    return int(said[1]) if said else 0
