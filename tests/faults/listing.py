"""docs/faults.md: what it says of each id is kept by hand, the tests come from their names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("contract_tests", "plugins", "tests")
LISTED = ROOT / "docs" / "faults.md"

ENTRY = re.compile(r"^### ([FTI]\d+)\n\n(.+)\n(?:\n(?:- .+\n)+)?", re.MULTILINE)
NAMED = re.compile(r"(?:test_)?((?:[fti]\d+_)+)")
DEFINED = re.compile(rb"def (?:test_)?[fti]\d")


def said() -> dict[str, str]:
    """What is said of each id, in the order of the list."""
    entries: list[tuple[str, str]] = ENTRY.findall(LISTED.read_text("utf-8"))
    assert len({fault for fault, _ in entries}) == len(entries), "an id is listed twice"
    return dict(entries)


def written() -> str:
    """The list as it should be: as it is, with the tests that there are by now."""
    return ENTRY.sub(lambda entry: _entry(entry[1], entry[2]), LISTED.read_text("utf-8"))


def _entry(fault: str, text: str) -> str:
    lines = [
        f"- [{path}](../{path}): {', '.join(f'`{name}`' for name in names)}\n"
        for path, names in sorted(named().get(fault, {}).items())
    ]
    return f"### {fault}\n\n{text}\n" + ("\n" + "".join(lines) if lines else "")


@cache
def named() -> Mapping[str, Mapping[str, list[str]]]:
    """The tests of each id, by their file: those that have it in their name."""
    found: dict[str, dict[str, list[str]]] = {}
    for path in _files():
        for name in sorted(_functions(path)):
            if match := NAMED.match(name):
                for fault in match[1].upper().strip("_").split("_"):
                    tests = found.setdefault(fault, {})
                    tests.setdefault(path.relative_to(ROOT).as_posix(), []).append(name)
    return found


def _functions(path: Path) -> set[str]:
    """The names of all functions and methods of a file, which is read and not imported."""
    found = ast.walk(ast.parse(path.read_bytes()))
    return {one.name for one in found if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}


def _files() -> Iterator[Path]:
    """Every file that may have such a test."""
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            if "build" not in path.parts and DEFINED.search(path.read_bytes()):
                yield path


if __name__ == "__main__":
    LISTED.write_text(written(), "utf-8")
