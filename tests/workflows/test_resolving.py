"""How long a command may be sent again, and how long what has left no trace may still turn up."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import attrs
import pytest

from purchase_core.errors import AuthenticationFailed, ProviderRefused
from purchase_core.identifiers import SeededIds
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.provider import Capabilities
from purchase_core.projection.locks import LaneLocks
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.recorder import Recorder
from purchase_core.records.command import REFUSED, SENDING, Command, Stage
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.memory_store import MemoryStore
from purchase_core.workflows.command_log import CommandLog
from purchase_core.workflows.resolving import Resolver, may_have_arrived, may_send_again

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


@pytest.mark.parametrize(
    ("error", "ends"), [(ProviderRefused, True), (ProviderRefused, False), (AuthenticationFailed, False)]
)
def test_what_is_refused_has_ended_only_if_it_was_written_down(error: type[Exception], ends: bool) -> None:
    """Else a worker would take it for done, and ask again at once, for ever."""

    async def scene() -> None:
        store, clock = MemoryStore(), ManualClock(Instant(SENT + HOUR * SECOND))
        stages = (Stage(SENDING, SENT),)
        command = Command(
            "move:1", "receipt_1", "move", "customer:ana", "", SENDING, "stripe", "", SENT, SENT, stages
        )
        await store.commit(Batch("batch_1", SENT, command=command))
        log = CommandLog(
            store, Recorder(store, OfferShelf(store, ()), clock, SeededIds(1), lambda batch: None)
        )

        async def refused(known: Command) -> None:
            if ends:
                await log.change(known, lambda one: attrs.evolve(one, state=REFUSED))
            raise error("not today")

        resolver = Resolver(store, log, LaneLocks(), clock)
        assert await resolver.resolve(("move",), refused) == int(ends)
        assert await resolver.resolve(("move",), refused) == 0
        known = await store.command("move:1")
        assert known is not None
        assert (known.state == REFUSED, known.updated_at == SENT) == (ends, ends)

    asyncio.run(scene())
