"""How long a command may be sent again, and how long what has left no trace may still turn up."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import Capabilities
from purchase_core.workflows.resolving import may_have_arrived, may_send_again

SENT = Instant(1_790_000_000_000_000)
HOUR = 3_600


@pytest.mark.parametrize(
    ("lifetime", "age", "again", "arrived"),
    [
        (24 * HOUR, 0, True, True),
        (24 * HOUR, 23 * HOUR - 1, True, True),
        (24 * HOUR, 23 * HOUR, False, True),
        (24 * HOUR, 23 * HOUR + 900, False, True),
        (24 * HOUR, 23 * HOUR + 901, False, False),
        (24 * HOUR, -60, True, True),  # another machine's clock was ahead of ours
        (HOUR // 2, 0, False, True),  # forgotten sooner than our margin: as good as no key
        (0, 0, False, True),
        (0, -60, False, True),
        (0, 900, False, True),
        (0, 901, False, False),
    ],
)
def test_f36_it_is_sent_again_only_while_its_key_is_known(
    lifetime: int, age: int, again: bool, arrived: bool
) -> None:
    provider = SimpleNamespace(capabilities=Capabilities(frozenset(), key_lifetime_seconds=lifetime))
    now = Instant(SENT + age * SECOND)
    assert may_send_again(provider, SENT, now) is again  # type: ignore[arg-type]
    assert may_have_arrived(provider, SENT, now) is arrived  # type: ignore[arg-type]
