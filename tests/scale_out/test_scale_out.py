"""A short campaign, and what its checks of the journal find."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from purchase_postgres.testing import Unavailable
from tests.scale_out.__main__ import SPEED, Report, campaign, duration, own_server
from tests.scale_out.crowd import PROCESSES
from tests.scale_out.held import Hold
from tests.scale_out.journal import (
    BACK,
    CLAIMED,
    CLOSED,
    OPENED,
    SETTLED,
    TOLD,
    Journal,
    Line,
    came_back,
    lines,
    read,
)
from tests.scale_out.wave import Plan

SHORT = Plan(rate=30.0, wave_sales=30, harm_seconds=1.0, speed=SPEED, seed=1, patience_seconds=120.0)
SELLING_SECONDS = 4.0


def test_f91_f92_processes_that_are_killed_under_load_lose_and_double_nothing(tmp_path: Path) -> None:
    report = Report(tmp_path / "waves.jsonl")
    try:
        with own_server(durable=False) as server:
            asyncio.run(campaign(server, SHORT, SELLING_SECONDS, tmp_path, report))
    except Unavailable as missing:
        if os.environ.get("PURCHASE_POSTGRES") == "required":
            pytest.fail(str(missing))
        pytest.skip(str(missing))
    verdict = report.verdict(PROCESSES)
    assert verdict.findings == []
    assert verdict.passed
    counts = verdict.counts
    assert counts["events"] > counts["sales"] > 0
    assert counts["kills"] > 0
    assert counts["sent"] >= counts["events"] + counts["twice"]
    again = Report(tmp_path / "waves.jsonl")
    again.resume()
    assert again.verdict(PROCESSES) == verdict


@pytest.mark.parametrize(
    ("written", "findings"),
    [
        ([Line(CLAIMED, "d", (1,)), Line(CLAIMED, "d", (2,)), Line(SETTLED, "d", (2,))], []),
        # Who was slow to write it down had claimed it before.
        ([Line(SETTLED, "d", (2,)), Line(CLAIMED, "d", (1,))], []),
        ([Line(SETTLED, "d", (1,)), Line(CLAIMED, "d", (2,))], ["d was done, and is claimed again"]),
        ([Line(OPENED, "a", (1, 0)), Line(OPENED, "a", (3, 9)), Line(OPENED, "a", (2, 5))], []),
        ([Line(OPENED, "a", (1, 5)), Line(OPENED, "a", (2, 0))], ["the mailbox of a goes back"]),
        ([Line(TOLD, "a", (one,)) for one in (1, 2, 2, 3, 1, 4)], []),
        ([Line(TOLD, "a", (one,)) for one in (1, 3, 2)], ["a is told 2 after 3"]),
        ([Line(TOLD, "a", (2,)), Line(TOLD, "b", (1,))], []),
    ],
)
def test_a_journal_shows_what_fences_and_order_do_not_allow(
    written: Sequence[Line], findings: list[str]
) -> None:
    assert read(written).findings == findings


def test_a_journal_counts_what_is_told_again() -> None:
    found = read([Line(TOLD, "a", (one,)) for one in (1, 2, 2, 1)])
    assert (found.told, found.told_again, found.firsts) == (4, 2, {"a": [1, 2]})


def test_a_journal_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    for journal in (Journal(str(path)), Journal(str(path))):  # as two processes do
        journal.note(OPENED, "customer:ana", 3, 17)
    assert list(lines(path)) == [Line(OPENED, "customer:ana", (3, 17))] * 2


def test_of_those_who_are_asked_to_wait_one_does_and_only_over_a_hot_customer(tmp_path: Path) -> None:
    world, one, two = (Hold(str(tmp_path / "journal")) for _ in range(3))
    assert not one.takes("customer:w1_hot")
    world.ask()
    assert not one.takes("customer:w1_3")
    assert world.asked
    assert [one.takes("customer:w1_hot"), two.takes("customer:w1_hot")] == [True, False]
    assert not world.asked
    world.end()
    asyncio.run(one.wait())
    world.forget()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("written", "back"),
    [
        ([Line(CLOSED, "a", (1,))], False),
        ([Line(CLOSED, "a", (1,)), Line(BACK, "a", (7,))], False),
        ([Line(BACK, "a", (7,)), Line(CLOSED, "b", (1,))], False),
        ([Line(BACK, "a", (7,)), Line(CLOSED, "a", (1,))], True),
    ],
)
def test_who_was_held_up_is_back_once_it_has_said_how_far_it_came(
    written: Sequence[Line], back: bool
) -> None:
    assert came_back(written) is back


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("2h", 7_200), ("1.5m", 90)])
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "-1s", "1d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="no duration"):
        duration(text)


def test_a_report_without_a_wave_has_not_passed(tmp_path: Path) -> None:
    report = Report(tmp_path / "none.jsonl")
    report.resume()
    assert not report.verdict(PROCESSES).passed
    assert msgspec.json.decode(msgspec.json.encode(report.verdict(PROCESSES)))["waves"] == 0
