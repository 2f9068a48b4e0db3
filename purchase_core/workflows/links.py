"""Links: which customer at a provider is one of ours there, and which of them are gone.

A link is never taken away: what was sold through it stays whose it is. One whose customer was deleted, or put
aside, is noted as gone, and nothing more is sold through it. Somebody may put that right at the provider: so
a link that is noted is asked for before another customer takes its place, and is good again if it is there.
"""

from __future__ import annotations

import attrs
import msgspec

from purchase_core.errors import CapabilityMissing, ProviderError
from purchase_core.facts.fact import object_key
from purchase_core.identifiers import IdSource
from purchase_core.instants import Clock
from purchase_core.ports.batch import Batch
from purchase_core.ports.provider import Capability, Provider
from purchase_core.ports.store import Store
from purchase_core.projection.owner import lane_of
from purchase_core.records.command import CONFIRMED, Command, Stage

GONE_LINK = "customer.gone"
GONE, BACK = "gone", "back"


@attrs.frozen
class Linked:
    """Ids at one provider of one of our customers: those that are good, and those that are noted as gone."""

    good: tuple[str, ...]
    gone: tuple[str, ...]


class Links:
    """Reads links, and notes which are gone."""

    def __init__(self, store: Store, clock: Clock, ids: IdSource) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    async def of(self, connection: str, lane: str) -> Linked:
        """The links of a customer's lane on a connection."""
        found: dict[bool, list[str]] = {True: [], False: []}
        for reference in await self._store.references_of(lane, "customer"):
            _, name, identifier = reference.object.split(":", 2)
            if name == connection:
                found[await self.noted(name, identifier) is not None].append(identifier)
        return Linked(tuple(found[False]), tuple(found[True]))

    async def of_customer(self, provider: Provider, customer: str) -> Linked:
        """The links of one of our customers at a provider."""
        return await self.of(provider.connection.name, await lane_of(self._store, customer))

    async def noted(self, connection: str, identifier: str) -> Command | None:
        """The note that a link is gone, if there is one that still holds."""
        note = await self._store.command(_key(connection, identifier))
        return note if note is not None and note.stages[-1].name == GONE else None

    async def is_gone(self, provider: Provider, lane: str, identifier: str) -> bool:
        """Ask the provider, and note what it says. Raises ProviderError."""
        gone = await provider.find_customer(identifier) is None
        name = provider.connection.name
        if gone != (await self.noted(name, identifier) is not None):
            await self.note(name, lane, identifier, gone=gone)
        return gone

    async def proves_gone(self, provider: Provider, customer: str, identifier: str) -> bool:
        """Whether something was refused because a customer is gone; False where nobody says so."""
        if not identifier or Capability.LIST_OBJECTS not in provider.capabilities:
            return False
        try:
            return await self.is_gone(provider, await lane_of(self._store, customer), identifier)
        except (ProviderError, CapabilityMissing):
            return False

    async def note(self, connection: str, lane: str, identifier: str, *, gone: bool) -> None:
        """Keep that a link is gone, or that it is good again."""
        now, key = self._clock.now(), _key(connection, identifier)
        known = await self._store.command(key)
        stage = Stage(GONE if gone else BACK, now, f"{identifier} at {connection}")
        command = Command(
            key=key,
            id=known.id if known else self._ids.new("receipt"),
            kind=GONE_LINK,
            lane=lane,
            fingerprint=identifier,
            state=CONFIRMED,
            connection=connection,
            reference=object_key("customer", connection, identifier),
            created_at=known.created_at if known else now,
            updated_at=now,
            stages=(*(known.stages if known else ()), stage),
            request=msgspec.json.encode({}),
        )
        await self._store.commit(Batch(self._ids.new("batch"), now, command=command))


def _key(connection: str, identifier: str) -> str:
    return f"{GONE_LINK}:{connection}:{identifier}"
