"""Help: every command begins with examples, and what is written anywhere as a command line is one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import click
import pytest

from purchase_core.cli.main import cli, run

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("plugins/*/README.md"))]
COLUMNS = 80
COMMAND_LINE = re.compile(r"^\s*(?:\$ )?(purchase [a-z-].*)$", re.MULTILINE)
INLINE = re.compile(r"`(purchase [a-z][^`]*)`")


def tree(
    command: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from tree(child, (*path, name))


TREE = dict(tree(cli))


def help_of(path: tuple[str, ...]) -> str:
    """The help as a terminal of 80 columns shows it."""
    context: click.Context | None = None
    for depth in range(len(path) + 1):
        name = path[depth - 1] if depth else "purchase"
        command = TREE[path[:depth]]
        context = click.Context(
            command, parent=context, info_name=name, terminal_width=COLUMNS, **command.context_settings
        )
    assert context is not None
    return TREE[path].get_help(context)


def check(line: str) -> None:
    """Raise click.UsageError unless each word of a command line is known where it stands. Nothing is run."""
    with patch.object(click.Command, "invoke"):
        cli.main(shlex.split(line)[1:], prog_name="purchase", standalone_mode=False)


def command_lines(text: str) -> list[str]:
    """Command lines of a text: on lines of their own, explained after two spaces or `#`, or in backticks."""
    found = COMMAND_LINE.findall(text.replace("\\\n", " "))
    lines = [re.split(r" {2,}(?! *-)| # ", one)[0] for one in found]
    return [re.sub(r" +", " ", one).strip().removesuffix(".") for one in [*lines, *INLINE.findall(text)]]


each = pytest.mark.parametrize("path", TREE, ids=lambda path: " ".join(("purchase", *path)))


@each
def test_examples_come_before_options_and_are_command_lines(path: tuple[str, ...]) -> None:
    text = help_of(path)
    before, _, _ = text.partition("\nOptions:\n")
    examples = command_lines(before.partition("\n  Examples:\n")[2].partition("\n\n")[0])
    assert examples
    for line in examples:
        check(line)
        assert shlex.split(line)[: len(path) + 1] == ["purchase", *path] or "--app" in line


@each
def test_help_fits_a_terminal_and_leaves_no_option_unexplained(path: tuple[str, ...]) -> None:
    text = help_of(path)
    assert [line for line in text.splitlines() if len(line) > COLUMNS] == []
    assert "..." not in text.split("\n", 1)[1], "a line of the list is cut off: give it a short_help"
    options = [one for one in TREE[path].params if isinstance(one, click.Option)]
    assert [one.name for one in options if not one.help] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_command_lines_of_the_documentation_are_some(page: Path) -> None:
    for line in command_lines(page.read_text()):
        check(line)


@pytest.mark.parametrize(
    "line",
    ["purchase catalgo show", "purchase catalog shw", "purchase demo --headles", "purchase customers show",
     "purchase webhooks list --state lost", "purchase sandbox advance 1month 2"],
)  # fmt: skip
def test_the_check_notices_what_is_no_command_line(line: str) -> None:
    with pytest.raises(click.UsageError):
        check(line)


def test_command_lines_are_found_wherever_they_stand() -> None:
    text = "purchase demo   # the shop\n    purchase migrate --check\nRun `purchase migrate`. $ purchase x"
    assert command_lines(text) == ["purchase demo", "purchase migrate --check", "purchase migrate"]
    assert command_lines("purchase sandbox serve \\\n    --port 0\n") == ["purchase sandbox serve --port 0"]


def completed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str) -> list[str]:
    """What bash is offered for the last of the words, as the README says to set it up."""
    assert "_PURCHASE_COMPLETE=bash_source purchase" in (ROOT / "README.md").read_text()
    monkeypatch.setenv("_PURCHASE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
    with pytest.raises(SystemExit):
        run([])
    return [line.partition(",")[2] for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("purchase c", ["cases", "catalog", "credits", "customers"]),
        ("purchase de", ["demo"]),
        ("purchase webhooks ", ["discard", "list", "quarantine", "retry", "show"]),
        ("purchase webhooks list --state q", ["quarantined"]),
        ("purchase demo --h", ["--headless", "--help"]),
    ],
)
def test_a_shell_is_offered_what_fits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str, offered: list[str]
) -> None:
    assert completed(monkeypatch, capsys, words) == offered
