"""Holders: those who keep an older version of an offer, and moving them to the one that is sold now.

Nobody is moved without being told: a move is announced with a date, and begins then. Each subscription is
moved by the change workflow, under a key of its own, so that any number of tries moves it once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

import attrs
import msgspec

from purchase_core.canonical import content_hash
from purchase_core.catalog.catalog import Catalog
from purchase_core.catalog.versions import OfferVersion
from purchase_core.errors import (
    InvalidArgument,
    NotFound,
    OfferNotSellable,
    ProviderError,
    UsageError,
    WrongState,
)
from purchase_core.facts.reading import ENDED_SUBSCRIPTIONS
from purchase_core.facts.rows import SubscriptionRow
from purchase_core.identifiers import IdSource
from purchase_core.instants import Clock, Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.paging import pages
from purchase_core.ports.provider import Capability, Proration, Provider
from purchase_core.ports.store import Store
from purchase_core.records.command import CONFIRMED, Command, Stage
from purchase_core.records.lane import customer_of
from purchase_core.values import Value
from purchase_core.workflows.subscriptions import Subscriptions

KIND = "catalog.holders"
LANE = "catalog"


class Announcement(Value, frozen=True):
    """Holders of an offer are moved to a version of it, from an instant on."""

    id: str
    offer: str
    version: str
    begins_at: Instant


class Cohort(Value, frozen=True):
    """Those who have one version on one connection in one currency.

    `was` and `becomes` are unit amounts; `becomes` is None where the new version is not sold so, and then
    nobody of them is moved. `scheduled`: the move comes with the next renewal.
    """

    connection: str
    version: str
    currency: str
    was: int
    becomes: int | None
    holders: int
    scheduled: int


@attrs.frozen
class Move:
    """What came of one subscription: "moved", or why not."""

    subscription: str
    outcome: str


class HolderMoves:
    """Plans and makes moves of holders."""

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        connections: Mapping[str, Provider],
        subscriptions: Subscriptions,
        clock: Clock,
        ids: IdSource,
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._connections = connections
        self._subscriptions = subscriptions
        self._clock = clock
        self._ids = ids

    async def cohorts(self, offer: str) -> Sequence[Cohort]:
        """Who has an older version of an offer, by what they pay. Reads only. Raises UnknownOffer."""
        target = self._target(offer)
        found: dict[tuple[str, str, str, int], list[int]] = {}
        async for row in self._holding(offer):
            key = (row.connection, row.version, row.currency, row.unit_amount)
            counts = found.setdefault(key, [0, 0])
            counts[0] += 1
            counts[1] += target.hash in row.next_items
        return [
            Cohort(connection, version, currency, was, _amount(target, currency), held, scheduled)
            for (connection, version, currency, was), (held, scheduled) in sorted(found.items())
        ]

    async def announce(self, offer: str, *, begins_at: Instant) -> Announcement:
        """Write down from when on holders are moved; telling them is the application's. Again: the same.

        Raises InvalidArgument for an instant that has passed.
        """
        target = self._target(offer)
        made = Announcement(content_hash([offer, target.hash, begins_at])[:12], offer, target.hash, begins_at)
        key = f"{KIND}:{made.id}"
        if await self._store.command(key) is None:
            now = self._clock.now()
            if begins_at <= now:
                raise InvalidArgument("holders are told before they are moved: name a time to come")
            command = Command(
                key=key,
                id=self._ids.new("receipt"),
                kind=KIND,
                lane=LANE,
                fingerprint=made.id,
                state=CONFIRMED,
                connection="",
                reference=offer,
                created_at=now,
                updated_at=now,
                stages=(Stage("announced", now, target.hash),),
                request=msgspec.json.encode(made),
            )
            await self._store.commit(Batch(self._ids.new("batch"), now, command=command, offers=(target,)))
        return made

    async def announcement(self, identifier: str) -> Announcement:
        """What was announced. Raises NotFound."""
        command = await self._store.command(f"{KIND}:{identifier}")
        if command is None:
            raise NotFound(
                f"nothing was announced as {identifier!r}",
                hint="`purchase catalog migrate-holders OFFER --announce TIME` does, and shows the id.",
            )
        return msgspec.json.decode(command.request, type=Announcement)

    async def move(self, announced: Announcement, *, limit: int = 0) -> AsyncIterator[Move]:
        """Move those who are left, at most `limit` (0: all); each as it is done.

        With the next renewal where the provider can; else at once, and nobody pays for the rest of the
        period. What one subscription meets stops no other.
        Raises WrongState before the announced time, and where another version is sold by now.
        """
        if self._clock.now() < announced.begins_at:
            raise WrongState(
                "the announced time has not come", hint="Holders were promised to be left until then."
            )
        if self._target(announced.offer).hash != announced.version:
            raise WrongState(
                f"{announced.offer} has another version since this was announced", hint="Announce that one."
            )
        tried = 0
        rows = [row async for row in self._holding(announced.offer)]
        for row in rows:
            if announced.version in row.next_items:
                continue
            if limit and tried >= limit:
                return
            tried += 1
            yield Move(row.key, await self._moved(row, announced))

    async def _moved(self, row: SubscriptionRow, announced: Announcement) -> str:
        provider = self._connections.get(row.connection)
        customer = customer_of(row.lane)
        if provider is None or not customer:
            return "left: nobody's, or of a connection that is gone"
        later = Capability.CHANGE_AT_PERIOD_END in provider.capabilities
        try:
            await self._subscriptions.change(
                customer,
                row.key,
                offer=announced.offer,
                quantity=row.quantity,
                proration=Proration.NOW if later else Proration.NONE,
                at_period_end=later,
                idempotency_key=f"holders:{announced.id}:{row.key}",
            )
        except (ProviderError, UsageError) as error:
            return f"left: {error.code}: {error.message}"
        return "moved"

    async def _holding(self, offer: str) -> AsyncIterator[SubscriptionRow]:
        """Live subscriptions of older versions of an offer, in the order of their keys."""
        target = self._target(offer)
        known: dict[str, OfferVersion] = {}
        rows = pages(lambda key: self._store.rows(SubscriptionRow, after_key=key), lambda row: row.key, "")
        async for page in rows:
            missing = {row.version for row in page if row.version} - known.keys()
            known |= await self._store.offers(sorted(missing))
            for row in page:
                held = known.get(row.version)
                live = row.bound and row.status not in ENDED_SUBSCRIPTIONS
                if live and held is not None and held.offer == offer and held.hash != target.hash:
                    yield row

    def _target(self, offer: str) -> OfferVersion:
        version = self._catalog.version(offer)
        if version.product != "subscription" or not version.prices:
            raise OfferNotSellable(f"offer {offer!r} is nothing that anybody holds at a price")
        return version


def _amount(version: OfferVersion, currency: str) -> int | None:
    return next((price.minor for price in version.prices if price.currency == currency), None)
