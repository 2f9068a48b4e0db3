"""docs/faults.md lists every fault that is defended against, and the tests that say so."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("tests", "plugins", "contract_tests")
LISTED = ROOT / "docs" / "faults.md"

# The faults and threats of receiving and of plugins: each of them has a test, whatever else has.
REQUIRED = {
    *(f"F{number:02}" for number in [*range(1, 7), *range(8, 15), *range(16, 35)]),
    *("F102", "F103", "F104"),
    *("T01", "T02", "T03", "T07", "T08", "T10", "T11", "T12", "T15", "T16"),
}

ROW = re.compile(r"^\| ([FTI]\d+) \| ([^|]+) \| ([^|]+) \|$")
TEST = re.compile(r"`([\w./-]+\.py::\w+)`")
NAMED = re.compile(r"(?:test_)?((?:[fti]\d+_)+)")
DEFINED = re.compile(rb"def (?:test_)?[fti]\d")
SPELLED = re.compile(r"[FTI](?:\d{2}|1\d{2})")


def listed() -> dict[str, list[str]]:
    """The tests of each id."""
    rows = [found for line in LISTED.read_text("utf-8").splitlines() if (found := ROW.match(line))]
    assert len({row[1] for row in rows}) == len(rows), "an id has two rows"
    return {row[1]: TEST.findall(row[3]) for row in rows}


@cache
def functions(path: Path) -> frozenset[str]:
    """The names of all functions and methods of a file, which is read and not imported."""
    found = ast.walk(ast.parse(path.read_bytes()))
    return frozenset(one.name for one in found if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))


@cache
def named() -> Mapping[str, frozenset[str]]:
    """Every test that is named for a fault, with the ids in its name."""
    return {
        f"{path.relative_to(ROOT).as_posix()}::{name}": frozenset(found[1].upper().strip("_").split("_"))
        for path in files()
        for name in functions(path)
        if (found := NAMED.match(name))
    }


def files() -> Iterator[Path]:
    """Every file that may have such a test."""
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            if "build" not in path.parts and DEFINED.search(path.read_bytes()):
                yield path


def test_every_test_that_is_listed_exists() -> None:
    tests = {test for tests in listed().values() for test in tests}
    missing = [
        test
        for path, _, name in (test.partition("::") for test in sorted(tests))
        if not (ROOT / path).is_file() or name not in functions(ROOT / path)
        for test in [f"{path}::{name}"]
    ]
    assert not missing


def test_every_test_that_is_named_for_a_fault_is_listed_under_it() -> None:
    expected = {(fault, test) for test, faults in named().items() for fault in faults}
    found = {(fault, test) for fault, tests in listed().items() for test in tests}
    assert sorted(expected - found) == []
    assert sorted(found - expected) == []


def test_every_id_is_spelled_alike() -> None:
    odd = {test for test, faults in named().items() if not all(map(SPELLED.fullmatch, faults))}
    assert not odd
    assert all(map(SPELLED.fullmatch, listed()))


def test_the_ids_that_must_be_listed_are_listed_and_have_tests() -> None:
    tests = listed()
    assert sorted(REQUIRED - tests.keys()) == []
    assert not [fault for fault, its in tests.items() if not its]


def test_the_list_is_in_order_and_says_something_of_each() -> None:
    rows = [found for line in LISTED.read_text("utf-8").splitlines() if (found := ROW.match(line))]
    ids = [(row[1][0], int(row[1][1:])) for row in rows]
    assert ids == sorted(ids, key=lambda one: ("FTI".index(one[0]), one[1]))
    assert all(len(row[2]) > 30 for row in rows)
