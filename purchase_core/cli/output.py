"""Output: data on stdout, talk on stderr; one JSON document where a machine asks for it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import click

from purchase_core.errors import InvalidArgument, PurchaseError
from purchase_core.instants import Instant, instant, to_text

SCHEMA_VERSION = 1
CELL_CHARACTERS_MAX = 120

F = TypeVar("F", bound=Callable[..., Any])


class Look:
    """How output looks: whether to colour, as wished on the command line and in the environment."""

    def __init__(self, color: bool | None = None) -> None:  # noqa: FBT001  # it has nothing else
        self.color = color


def json_option(command: F) -> F:
    """`--json` on a command, as its argument `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")(command)


def print_json(document: Mapping[str, object]) -> None:
    """The document, with the version of its schema."""
    click.echo(json_text(document, indent=2))


def json_text(document: Mapping[str, object], *, indent: int = 0) -> str:
    """The document, with the version of its schema, as JSON: on one line where it is not indented."""
    import msgspec  # noqa: PLC0415  # help needs none

    encoded = msgspec.json.encode({"schema_version": SCHEMA_VERSION, **document})
    text = (msgspec.json.format(encoded, indent=indent) if indent else encoded).decode()
    if text.isprintable():
        return text
    # Escapes are the same text to a machine, and move no terminal's cursor.
    return "".join(one if one.isprintable() or one == "\n" else _escaped(one) for one in text)


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str) -> None:
    """Aligned columns; what to do next where there are none.

    On a terminal that is too narrow for them each row is a paragraph, of what is there in it.
    """
    if not rows:
        say(empty)
        return
    cells = [[_cell(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [list(headers), *cells]) for column in range(len(headers))]
    if sys.stdout.isatty() and sum(widths) + 2 * (len(widths) - 1) > shutil.get_terminal_size().columns:
        for place, row in enumerate(cells):
            click.echo("\n" * (place > 0), nl=False)
            print_pairs([(name, cell) for name, cell in zip(headers, row, strict=True) if cell])
        return
    click.secho(_line(headers, widths), bold=True)
    for row in cells:
        click.echo(_line(row, widths))


def print_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    """Names and values, one a line."""
    width = max((len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        click.echo(f"{click.style(name.ljust(width), dim=True)}  {_cell(value)}")


def say(text: str, *, head: str = "", fg: str | None = None) -> None:
    """Talk, on stderr; `head` begins it in a colour, where that stream has colours."""
    # Styled after it was made printable: our own escapes are to be obeyed, and nobody else's.
    start = f"{click.style(printable(head), fg=fg)} " if head else ""
    click.echo(f"{start}{printable(text)}".rstrip(" "), err=True)


def print_error(error: PurchaseError, *, as_json: bool, color: bool | None = None) -> None:
    """An error, for people on stderr or for machines on stdout."""
    print_trouble(
        error.code, error.message, error.hint, retryable=error.retryable, as_json=as_json, color=color
    )


def print_trouble(
    code: str, message: str, hint: str = "", *, retryable: bool = False, as_json: bool, color: bool | None
) -> None:
    """Whatever went wrong, in the form of an error."""
    if as_json:
        print_json({"error": {"code": code, "message": message, "hint": hint, "retryable": retryable}})
        return
    head = click.style(f"Error ({code}):", fg="red")
    click.echo(f"{head} {printable(message)}", err=True, color=color)
    if hint:
        click.echo(f"  Fix: {printable(hint)}", err=True, color=color)


def wants_color(setting: str, environ: Mapping[str, str] = os.environ) -> bool | None:
    """Whether to colour: always, never, or (None) on terminals only. NO_COLOR and FORCE_COLOR are heard."""
    if setting != "auto":
        return setting == "always"
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return False
    return True if environ.get("FORCE_COLOR") else None


def time_of(moment: Instant | None) -> str:
    """An instant for people and machines: ISO 8601, UTC; "" for none."""
    return "" if moment is None else to_text(moment)


def with_times(document: dict[str, object]) -> dict[str, object]:
    """The document with its instants, which are known by their names, as ISO 8601."""
    return {name: _with_time(name, value) for name, value in document.items()}


def _with_time(name: str, value: object) -> object:
    if isinstance(value, dict):
        return with_times(value)
    if isinstance(value, list | tuple):
        return [_with_time("", one) for one in value]
    timed = name in ("at", "valid_until", "until", "since") or name.endswith(("_at", "_start", "_end"))
    return time_of(Instant(value)) if timed and isinstance(value, int) else value


def instant_of(name: str, written: str) -> Instant:
    """The instant of an ISO 8601 time with a zone. Raises InvalidArgument."""
    hint = "Write 2026-01-31T12:00:00Z."
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise InvalidArgument(f"{name}: not a time", hint=hint) from None
    if moment.tzinfo is None:
        raise InvalidArgument(f"{name}: a time without a zone is no instant", hint=hint)
    return instant(moment)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def printable(text: str) -> str:
    """Text of any lines in which nothing moves the cursor of a terminal."""
    return "".join(one if one.isprintable() or one in "\n\t" else "\ufffd" for one in text)


def _cell(value: str) -> str:
    """Printable on one line."""
    shown = "".join(one if one.isprintable() else "\ufffd" for one in value)
    return shown if len(shown) <= CELL_CHARACTERS_MAX else shown[: CELL_CHARACTERS_MAX - 1] + "…"
