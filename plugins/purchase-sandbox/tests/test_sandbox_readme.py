"""The README says what is there: cards, paths, spans, retries and faults, and leaves none of them out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import purchase_sandbox
from purchase_core.instants import Instant
from purchase_sandbox.account.account import RETRY_SECONDS
from purchase_sandbox.account.billing import RETRY_DAYS
from purchase_sandbox.account.cards import CARDS
from purchase_sandbox.sandbox import Sandbox
from purchase_sandbox.server.api import api_routes
from purchase_sandbox.server.control import Control
from purchase_simulators.wire.chaos import DELAY_SECONDS, OVERTAKEN_SECONDS, Fault
from purchase_simulators.wire.clock import ADVANCE_DAYS_MAX
from purchase_simulators.wire.sender import ANSWER_SECONDS_MAX
from purchase_simulators.wire.spans import after

README = (Path(purchase_sandbox.__file__).parents[1] / "README.md").read_text()
WORDS = {"insufficient_funds": "insufficient funds", "expired_card": "has expired"}
SECONDS = {"s": 1, "min": 60, "h": 3_600}


def rows(title: str) -> list[list[str]]:
    """The cells of the first table under a title, without its head."""
    section = README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    lines = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines[2:]]


def test_every_test_card_is_listed_with_its_number() -> None:
    found = {}
    for card, what in rows("Test cards"):
        number, name = re.fullmatch(r"(···· \d{4}) `(\w+)`", card).groups()  # type: ignore[union-attr]
        found[name] = f"Visa {number}"
        assert WORDS.get(CARDS[name].refusal or CARDS[name].renewal_refusal, "") in what
        assert CARDS[name].challenge is ("3-D Secure" in what)
        assert bool(CARDS[name].renewal_refusal) is ("renewals fail" in what)
    assert found == {card.name: card.label for card in CARDS.values()}
    assert f"tried again after {RETRY_DAYS[0]}, {RETRY_DAYS[1]} and {RETRY_DAYS[2]} days" in README


def test_every_path_of_the_api_is_listed_and_no_other() -> None:
    listed = set()
    for paths, _ in rows("API"):
        written = re.findall(r"`([A-Z, ]+) (\S+)`", paths)
        for methods, path in written:
            whole = path.replace("…", written[0][1])
            listed |= {(method, whole) for method in methods.split(", ")}
    sandbox = Sandbox()
    served = {
        (method, route.path)
        for route in (*api_routes(sandbox), *Control(sandbox).routes())
        for method in route.methods or ()
        if method != "HEAD"
    }
    assert listed == served


def test_every_fault_is_listed() -> None:
    assert [name.strip("`") for name, _ in rows("Chaos")] == list(Fault)
    what = {name.strip("`"): text for name, text in rows("Chaos")}
    assert f"next {OVERTAKEN_SECONDS} seconds" in what[Fault.REORDER]
    assert f"{DELAY_SECONDS} seconds late" in what[Fault.DELAY]


def test_webhooks_are_tried_again_when_it_says() -> None:
    said = re.search(r"within (\d+) seconds is\ntried again after ([^.]*) and ([^,]*), then given up", README)
    assert said is not None
    spans = [*said[2].split(", "), said[3]]
    assert [int(one.split()[0]) * SECONDS[one.split()[1]] for one in spans] == list(RETRY_SECONDS)
    assert int(said[1]) == ANSWER_SECONDS_MAX


def test_the_spans_that_it_names_are_spans() -> None:
    spans = re.search(r"Spans are ([^;]*);", README)
    assert spans is not None
    written = re.findall(r"`(\w+)`", spans[1])
    assert len(written) == 7
    ends = [after(Instant(0), span) for span in written]
    assert ends == sorted(ends)
    assert ADVANCE_DAYS_MAX // 365 == 10


@pytest.mark.parametrize("span", ["90 seconds", "1 year"])
def test_a_span_may_have_a_space(span: str) -> None:
    assert after(Instant(0), span) == after(Instant(0), span.replace(" ", ""))
