"""What plugins say when the doctor asks, and what is said of those that cannot be asked."""

from __future__ import annotations

from typing import Any

import pytest

from purchase_core.instants import Instant
from purchase_core.plugins.hookspecs import hookimpl
from purchase_core.records.finding import Finding
from tests.examining import ids, ready, registered
from tests.faults.shop import Shop, run


class Plugin:
    """One that is asked, and says whatever it was made with."""

    __name__ = "acme"

    def __init__(self, said: Any) -> None:
        self.said = said

    @hookimpl
    async def purchase_examine(self, at: Instant) -> Any:
        if isinstance(self.said, Exception):
            raise self.said
        return self.said


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([Finding("limits.full", "warning", "no seats")], ["acme:limits.full"]),
        ([], []),
        (RuntimeError("odd"), ["plugin.silent"]),
        ("nonsense", ["plugin.silent"]),
        ([1], ["plugin.silent"]),
    ],
)
def test_plugins_are_asked_and_one_that_fails_is_a_finding(said: Any, expected: list[str]) -> None:
    async def work() -> None:
        async with Shop(plugins=[Plugin(said)]) as shop:
            await registered(shop)
            assert ids(await ready(shop)) == expected

    run(work)
