"""Every line of NOTES.md names tests that are there, and every note on the providers has a line.

The notes themselves are not part of this repository: where they are not at hand, only the lines are checked.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TABLE = Path(__file__).parents[1] / "NOTES.md"
SPECS = Path(os.environ.get("PURCHASE_SPECS_FOLDER") or ROOT.parent / "shared" / "specs")
NOTES = SPECS.parent / "PROVIDERS.md"
SECTIONS = ("A2", "A3", "B3", "B4")
MARK_DIGITS = 6


def lines() -> list[list[str]]:
    """The cells of each line of NOTES.md: what, source, tests, marks."""
    rows = [line for line in TABLE.read_text().splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]
    return [row for row in cells if row[0] != "what"]


def statements(section: str) -> Iterator[str]:
    """What a section of the notes says, one thing at a time, as a mark of its words."""
    part = next(
        one for one in re.split(r"^### ", NOTES.read_text(), flags=re.M) if one.startswith(f"{section}.")
    )
    body = re.split(r"^-{20,}$", part, flags=re.M)[0]
    for line in body.splitlines()[1:]:
        if not line.strip() or re.match(r"\|(---|\s*need)", line):
            continue
        need, said = "", [line.lstrip("- ")]
        if line.startswith("|"):
            need, *said = (cell.strip() for cell in re.split(r" \| |\|\|", line.strip()[1:-1]))
        for cell in said:
            for piece in re.split(r"(?:;|\.(?=\s)|:(?=\s[A-Z]))\s+", cell):
                if re.search(r"\w", piece):
                    words = f"{section} {need} {piece.strip()}"
                    yield f"{section}-{sha256(words.encode()).hexdigest()[:MARK_DIGITS]}"


def test_every_line_names_tests_that_are_there() -> None:
    written = [*ROOT.glob("plugins/*/tests/**/test_*.py"), *ROOT.glob("tests/**/test_*.py")]
    there = {name for file in written for name in re.findall(r"def (test_\w+)", file.read_text())}
    named = [(row[0], re.findall(r"`(test_\w+)`", row[2])) for row in lines()]
    assert [what for what, tests in named if not tests] == []
    assert sorted({test for _, tests in named for test in tests} - there) == []


def test_every_note_has_a_line() -> None:
    """Also: no line is of a note that is gone, or says something else by now."""
    if not NOTES.is_file():
        pytest.skip(f"NOT COMPARED with the notes on the providers, which are not at {NOTES}")
    marks = [mark for row in lines() for mark in row[3].split()]
    assert sorted(marks) == sorted(mark for section in SECTIONS for mark in statements(section))
