"""The breaker: down after failures in a row, on trial after a pause, well after one success."""

from __future__ import annotations

from purchase_core.instants import SECOND, Instant
from purchase_core.ports.router import WELL, Health
from purchase_core.routing.breaker import BreakerSettings, HealthBook

SETTINGS = BreakerSettings(failures_in_a_row=3, open_seconds=60, window_seconds=300, calls_max=10)


def at(seconds: int) -> Instant:
    return Instant(seconds * SECOND)


def book(*failures: int) -> HealthBook:
    made = HealthBook(SETTINGS)
    for seconds in failures:
        made.failed("stripe", at(seconds))
    return made


def test_nothing_is_held_against_what_was_never_called() -> None:
    assert HealthBook().health("stripe", at(0)) is WELL


def test_failures_in_a_row_open_it_and_a_pause_puts_it_on_trial() -> None:
    assert book(0, 1).health("stripe", at(1)).state == "closed"
    down = book(0, 1, 2)
    assert [down.health("stripe", at(seconds)).state for seconds in (2, 61, 62, 500)] == [
        "open", "open", "half_open", "half_open",
    ]  # fmt: skip
    down.failed("stripe", at(62))
    assert down.health("stripe", at(63)).state == "open"
    down.succeeded("stripe", at(130))
    assert down.health("stripe", at(130)).state == "closed"


def test_a_success_between_them_breaks_the_row() -> None:
    one = book(0, 1)
    one.succeeded("stripe", at(2), milliseconds=100)
    one.failed("stripe", at(3))
    one.failed("stripe", at(4))
    assert one.health("stripe", at(4)) == Health("closed", 5, 4, 100)


def test_only_the_window_counts_and_no_more_calls_than_are_kept() -> None:
    one = book(0)
    for number in range(20):
        one.succeeded("stripe", at(400 + number), milliseconds=number)
    assert one.health("stripe", at(420)) == Health("closed", 10, 0, 14)
    assert one.health("stripe", at(715)).calls == 5
    assert one.health("paddle", at(420)) is WELL
