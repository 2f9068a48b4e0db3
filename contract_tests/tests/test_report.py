"""The table of a run: counted, written into a page, compared with one, and read back as JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from purchase_contract_tests.report import (
    BEGIN,
    END,
    Found,
    Report,
    decode,
    encode,
    for_markdown,
    for_terminal,
    main,
    written_into,
)

ROOT = Path(__file__).parents[2]


def found(adapter: str, group: str, *outcomes: str) -> list[Found]:
    """A group of promises and how each fared."""
    place = ("doors", "windows").index(group)
    return [
        Found("HouseContract", adapter, place, group, f"promise_{number}", outcome)
        for number, outcome in enumerate(outcomes)
    ]


KEPT = Report(
    (
        *found("Hut", "windows", "not declared", "not declared"),
        *found("Hut", "doors", "kept", "kept", "known gap"),
        *found("Castle", "doors", "kept", "kept", "kept"),
        *found("Castle", "windows", "kept", "kept"),
    )
)
BROKEN = Report((*KEPT.found, *found("Ruin", "doors", "broken", "stale gap", "not run")))


def test_groups_come_in_the_order_of_their_contract() -> None:
    assert for_terminal(KEPT).splitlines() == [
        "HouseContract",
        "         Castle  Hut",
        "doors    3/3     2/3, 1 known",
        "windows  2/2     2 not declared",
    ]


def test_what_was_not_run_is_neither_kept_nor_broken() -> None:
    assert for_markdown(BROKEN).splitlines() == [
        "| `HouseContract` | Castle | Hut | Ruin |",
        "| --- | --- | --- | --- |",
        "| doors | 3/3 | 2/3, 1 known | 0/2, 2 broken, 1 not run |",
        "| windows | 2/2 | 2 not declared | - |",
    ]


@pytest.mark.parametrize(
    ("report", "whole"),
    [
        (KEPT, True),
        (BROKEN, False),
        (Report(()), False),
        (Report(tuple(found("A", "doors", "not run"))), False),
        (Report(tuple(found("A", "doors", "broken"))), False),
        (Report(tuple(found("A", "doors", "stale gap"))), False),
    ],
)
def test_a_run_is_whole_if_nothing_is_broken_or_left_out(report: Report, whole: bool) -> None:
    assert report.whole == whole


def test_a_promise_that_ran_on_several_servers_counts_once_by_its_worst() -> None:
    twice = Report((*found("A", "doors", "kept", "not run"), *found("A", "doors", "broken", "kept")))
    assert [one.outcome for one in twice.found] == ["broken", "kept"]


def test_a_report_is_read_back_as_it_was() -> None:
    assert decode(encode(BROKEN)) == BROKEN
    assert json.loads(encode(KEPT))["found"][0]["outcome"] == "not declared"
    with pytest.raises(msgspec.ValidationError):
        decode(b'{"found": [{"contract": 1}]}')


def test_a_page_is_written_and_then_agrees(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, file = tmp_path / "README.md", tmp_path / "found.json"
    file.write_bytes(encode(KEPT))
    page.write_text(f"before\n{BEGIN}old\n{END}after\n")
    assert main([str(file), "--check", str(page)]) == 3
    assert "| windows | 2/2 |" in capsys.readouterr().err
    assert main([str(file), "--write", str(page)]) == 0
    assert page.read_text() == f"before\n{BEGIN}{for_markdown(KEPT)}{END}after\n"
    assert main([str(file), "--check", str(page)]) == 0


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="contract"):
        written_into("nothing here", KEPT)


def test_a_broken_promise_is_an_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "found.json"
    file.write_bytes(encode(BROKEN))
    assert main([str(file)]) == 1
    assert main([str(file), "--json"]) == 1
    assert capsys.readouterr().out == for_terminal(BROKEN) + encode(BROKEN).decode()


def test_the_readme_shows_every_group_of_every_contract() -> None:
    """That its counts are those of a run is checked where everything is there to be run: in CI."""
    from purchase_contract_tests.provider import ProviderContract  # noqa: PLC0415
    from purchase_contract_tests.store import StoreContract  # noqa: PLC0415

    table = (ROOT / "README.md").read_text().partition(BEGIN)[2].partition(END)[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if line]
    for contract in (ProviderContract, StoreContract):
        start = next(place for place, row in enumerate(rows) if row[0] == f"`{contract.title}`")
        groups = list(dict.fromkeys(one.group for one in contract.promises().values()))
        shown = rows[start + 2 : start + 2 + len(groups)]
        assert [row[0] for row in shown] == groups
        for group, *cells in shown:
            count = sum(one.group == group for one in contract.promises().values())
            for cell in cells:
                told = re.findall(r"(?<=/)\d+|\d+(?= not declared)", cell)
                assert sum(map(int, told)) == count, f"python dev.py contract --write: {group} has {count}"
