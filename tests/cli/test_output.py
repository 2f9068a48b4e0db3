"""Output: colour as wished, columns that align, times that read the same to people and machines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from purchase_core.cli.exit_codes import FAILED
from purchase_core.cli.output import instant_of, print_table, printable, time_of, wants_color, with_times
from purchase_core.errors import InvalidArgument
from purchase_core.instants import SECOND, Instant

ESC = "\x1b["


@pytest.mark.parametrize(
    ("setting", "environ", "wanted"),
    [
        ("auto", {}, None),
        ("auto", {"NO_COLOR": "1"}, False),
        ("auto", {"NO_COLOR": ""}, None),
        ("auto", {"TERM": "dumb"}, False),
        ("auto", {"TERM": "xterm"}, None),
        ("auto", {"FORCE_COLOR": "1"}, True),
        ("auto", {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ("auto", {"FORCE_COLOR": "1", "TERM": "dumb"}, False),
        ("always", {"NO_COLOR": "1", "TERM": "dumb"}, True),
        ("never", {"FORCE_COLOR": "1"}, False),
    ],
)
def test_the_option_wins_then_no_color_then_force_color(
    setting: str, environ: dict[str, str], wanted: bool | None
) -> None:
    assert wants_color(setting, environ) is wanted


@pytest.mark.parametrize(
    ("options", "environ", "colored"),
    [
        ([], {}, False),  # no terminal
        (["--color", "always"], {}, True),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "1"}, True),
        (["--color", "never"], {"FORCE_COLOR": "1"}, False),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_data_and_errors_are_coloured_as_wished(
    app: Any, monkeypatch: pytest.MonkeyPatch, options: list[str], environ: dict[str, str], colored: bool
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert (ESC in app.run(*options, "catalog", "show").out) is colored
    ended = app.run(*options, "receipts", "show", "receipt_1")
    assert (ESC in ended.err) is colored
    assert "not_found" in ended.err  # what it means is in words


SPEAKS = """
from purchase_core.cli.output import print_pairs, print_table, say
from purchase_core.cli.main import run
print_table(["name"], [["one"]], empty="")
print_pairs([("name", "one")])
say("It is there.", head="Sold.", fg="green")
run(["providers", "--plugin", "nobody"])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals on Windows")
@pytest.mark.parametrize(("out", "err"), [(True, True), (True, False), (False, True), (False, False)])
def test_each_stream_is_coloured_if_it_is_a_terminal_whatever_the_other_is(out: bool, err: bool) -> None:
    environ = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    environ["TERM"] = "xterm"
    streams = [os.openpty() if terminal else os.pipe() for terminal in (out, err)]
    readings, writings = zip(*streams, strict=True)
    command = [sys.executable, "-c", SPEAKS]
    subprocess.run(command, stdout=writings[0], stderr=writings[1], env=environ, check=True)  # noqa: S603  # our own code
    texts = [os.read(reading, 65_536).decode() for reading in readings]
    for descriptor in (*readings, *writings):
        os.close(descriptor)
    assert (f"{ESC}1mname" in texts[0], f"{ESC}2mname" in texts[0], ESC in texts[0]) == (out, out, out)
    assert (f"{ESC}32mSold." in texts[1], f"{ESC}31mError" in texts[1], ESC in texts[1]) == (err, err, err)
    assert "It is there." in texts[1]
    assert "plugin_missing" in texts[1]


def test_json_is_never_coloured(app: Any) -> None:
    assert ESC not in app.run("--color", "always", "catalog", "show", "--json").out
    ended = app.run("--color", "always", "receipts", "show", "receipt_1", "--json")
    assert json.loads(ended.out)["error"]["code"] == "not_found"


def test_columns_align(app: Any) -> None:
    header, *rows = app.run("catalog", "show").out.splitlines()
    column = header.index("paid")
    assert [row[column - 2 : column].strip() for row in rows] == ["", ""]
    assert rows[1][column:].startswith("every month")


@pytest.mark.parametrize(("terminal", "columns"), [(True, 20), (True, 24), (False, 20)])
def test_a_table_that_a_terminal_has_no_room_for_is_told_in_paragraphs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], terminal: bool, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    print_table(["level", "what"], [["error", "it is not there"], ["", "so"]], empty="")
    narrow = "level  error\nwhat   it is not there\n\nwhat  so\n"
    wide = "level  what\nerror  it is not there\n       so\n"
    assert click.unstyle(capsys.readouterr().out) == (narrow if terminal and columns < 22 else wide)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\tc ä 😀", "a\nb\tc ä 😀"),
        ("\x1b[31m", "\ufffd[31m"),
        ("\x9b\x07\r\x00\x7f", "\ufffd" * 5),
        ("\u202e\u200b\ud800", "\ufffd" * 3),
    ],
)
def test_text_is_shown_without_what_a_terminal_obeys(text: str, shown: str) -> None:
    assert printable(text) == shown


# --- where it cannot be written ---------------------------------------------------------------------


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a file that is always full")
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_disk_that_is_full_is_said_and_no_traceback_is_shown(options: list[str]) -> None:
    command = [sys.executable, "-m", "purchase_core.cli.main", "providers", "--plugin", "sandbox", *options]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603  # our own code
    assert ended.stderr.splitlines() == [
        "Error (internal_error): OSError: No space left on device",
        "  Fix: Run it again with --debug for the traceback.",
    ]
    assert ended.returncode == FAILED


# --- times -----------------------------------------------------------------------------------------

NOON = Instant(1_769_860_800 * SECOND)


def test_an_instant_is_written_in_utc_and_read_back() -> None:
    assert time_of(NOON) == "2026-01-31T12:00:00Z"
    assert time_of(None) == ""
    assert (
        instant_of("--at", "2026-01-31T12:00:00Z") == instant_of("--at", "2026-01-31T13:00:00+01:00") == NOON
    )


@pytest.mark.parametrize(
    "written",
    ["", "now", "2026-01-31T12:00:00", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "1" * 10_000],
)
def test_what_is_no_instant_is_refused(written: str) -> None:
    with pytest.raises(InvalidArgument) as told:
        instant_of("--at", written)
    assert len(str(told.value)) < 200
    assert str(told.value).startswith("--at: ")
    assert told.value.hint == "Write 2026-01-31T12:00:00Z."


def test_instants_in_a_document_are_known_by_their_names() -> None:
    document: dict[str, object] = {"at": NOON, "ends": NOON}
    document["rows"] = ({"period_end": NOON, "paid": 900, "ended_at": None},)  # rows come as tuples
    assert with_times(document) == {
        "at": "2026-01-31T12:00:00Z",
        "ends": NOON,
        "rows": [{"period_end": "2026-01-31T12:00:00Z", "paid": 900, "ended_at": None}],
    }
