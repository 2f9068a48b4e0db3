"""The clock of tests."""

from __future__ import annotations

import pytest

from purchase_core.errors import InvalidArgument
from purchase_core.instants import DAY, SECOND, Instant
from purchase_core.testing.clocks import ManualClock


def test_it_stands_still_until_it_is_advanced() -> None:
    clock = ManualClock(Instant(1_000))
    assert (clock.now(), clock.now()) == (1_000, 1_000)
    assert clock.advance(days=2, seconds=3, microseconds=4) == 1_000 + 2 * DAY + 3 * SECOND + 4
    assert clock.now() == 1_000 + 2 * DAY + 3 * SECOND + 4


def test_it_is_set_back_only_on_purpose() -> None:
    clock = ManualClock(Instant(1_000))
    with pytest.raises(InvalidArgument):
        clock.advance(seconds=-1)
    assert clock.now() == 1_000
    assert clock.set_to(Instant(7)) == clock.now() == 7
