"""What may this customer do, and what do they have: entitlements and snapshots."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

import attrs
from msgspec.structs import replace

from purchase_core.access.evaluate import evaluate, versions_of
from purchase_core.access.explain import Explanation, Reason, explain
from purchase_core.access.live import EMPTY, Live, decode_live, exchange
from purchase_core.access.policy import AccessPolicy
from purchase_core.access.rights import Rights
from purchase_core.catalog.catalog import Catalog
from purchase_core.errors import LaneConflict
from purchase_core.facts.fact import object_key
from purchase_core.facts.fold import canonical_hash
from purchase_core.facts.reading import ENDED_SUBSCRIPTIONS
from purchase_core.facts.rows import (
    CaseRow,
    IntentRow,
    InvoiceRow,
    LotRow,
    PurchaseRow,
    Row,
    SubscriptionRow,
)
from purchase_core.identifiers import customer_id
from purchase_core.instants import SECOND, Clock, Instant, instant
from purchase_core.ledger.past import counters_as_of, drawn_after, purse_as_of
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.owner import lane_of, owning_lane
from purchase_core.projection.recorder import Recorder
from purchase_core.reads.explaining import known_rows, sums
from purchase_core.reads.facts import recorded_movements, rows_as_of
from purchase_core.reads.rights_cache import NEVER, Entry, RightsCache
from purchase_core.reads.snapshot_rows import ALL_ROWS, SNAPSHOT_ROWS_MAX, SnapshotRows, present_rows, told_of
from purchase_core.reads.wallets import Wallet, wallet_of
from purchase_core.reads.what_if import Tell, WhatIf, what_if
from purchase_core.records.lane import Lane, customer_lane, customer_of
from purchase_core.records.reference import Reference
from purchase_core.text import identifier

R = TypeVar("R", bound=Row)

SNAPSHOT_TRIES_MAX = 10


@attrs.frozen
class ActionRequired:
    """Something that only the customer can do: `kind` is pay | authenticate | update_card.

    `billing.invoices.links` says where. `amount` is what is missing, in minor units; `since` is when it was
    first asked for, where the provider tells.
    """

    kind: str
    invoice: str
    subscription: str
    amount: int
    currency: str
    since: Instant | None


@attrs.frozen
class Snapshot:
    """A customer at one instant, as far as it was known at another.

    `version` counts the changes of the customer's lane (0: nothing is known of them); rows are those of the
    documented tables; `hash` identifies the rows under one version of the fold. `wallets` has one for each
    unit of credits that there are, `drawn` what was taken of each lot.

    Of checkouts, purchases, lots and bills it tells the newest 200 each, and every open bill of a
    subscription. `more` names the tables of which there are others: rights and wallets count them,
    `billing.invoices.list` and `billing.purchases.list` return them.
    """

    customer: str
    at: Instant
    known_at: Instant
    version: int
    rights: Rights
    intents: tuple[IntentRow, ...]
    subscriptions: tuple[SubscriptionRow, ...]
    purchases: tuple[PurchaseRow, ...]
    lots: tuple[LotRow, ...]
    invoices: tuple[InvoiceRow, ...]
    cases: tuple[CaseRow, ...]
    wallets: tuple[Wallet, ...]
    drawn: Mapping[str, int]
    hash: str
    more: tuple[str, ...] = ()

    @property
    def action_required(self) -> tuple[ActionRequired, ...]:
        """What waits for the customer, the oldest first.

        Providers leave the last bill open of a subscription that they have given up: paying it brings nothing
        back, so that nobody is asked to. `billing.invoices.open` has it all the same.
        """
        ended = {
            (row.connection, row.provider_id)
            for row in self.subscriptions
            if row.status in ENDED_SUBSCRIPTIONS
        }
        waiting = [
            row
            for row in self.invoices
            if row.status == "open" and row.action and (row.connection, row.subscription) not in ended
        ]
        return tuple(
            ActionRequired(
                row.action,
                row.key,
                object_key("subscription", row.connection, row.subscription) if row.subscription else "",
                row.total - row.paid,
                row.currency,
                row.due_at,
            )
            for row in sorted(waiting, key=lambda row: (row.due_at or row.seen_at, row.key))
        )


class Customers:
    """Reads about the application's customers, and the link to a provider's."""

    def __init__(
        self,
        store: Store,
        recorder: Recorder,
        offers: OfferShelf,
        catalog: Catalog,
        policy: AccessPolicy,
        clock: Clock,
        *,
        max_stale_seconds: float,
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._offers = offers
        self._defaults = catalog.defaults
        self._catalog = tuple(catalog.offers.values())
        self._policy = policy
        self._clock = clock
        self._stale = Instant(round(max_stale_seconds * SECOND))
        self._cache = RightsCache()

    async def entitlements(self, customer: str, *, at: datetime | None = None) -> Rights:
        """What the customer may do: now, or at another instant as far as is known now.

        Never stale for what this process has written; for what other processes write, no older than the
        configured `max_stale_seconds` (0: the lane's version is checked every time).
        """
        now = self._clock.now()
        if at is not None:
            return await self._rights_at(customer, at, now)
        entry = self._cache.get(customer)
        if entry is not None and entry.rights.at <= now < entry.fresh_until:
            return entry.rights
        return await self._read_rights(customer_id(customer), entry, now)

    async def _rights_at(self, customer: str, at: datetime, now: Instant) -> Rights:
        when = instant(at)
        if when < now:
            return (await self.snapshot(customer, at=at)).rights
        # What is to come follows from what is live, however long the history.
        lane = await owning_lane(self._store, customer)
        return await self._evaluate(decode_live(lane.document), when)

    async def _read_rights(self, customer: str, entry: Entry | None, now: Instant) -> Rights:
        epoch = self._cache.epoch
        lane = await self._store.lane(customer_lane(customer))
        if lane.linked_to:  # merged: what moves the other's lane would not be noticed here
            lane = await self._store.lane(lane.linked_to)
            return await self._evaluate(decode_live(lane.document), now)
        if (
            entry is not None
            and entry.version == lane.version
            and entry.rights.at <= now < _end(entry.rights)
        ):
            rights = entry.rights
        else:
            rights = await self._evaluate(decode_live(lane.document), now)
        fresh_until = _end(rights) if self._store.sole_writer else min(_end(rights), now + self._stale)
        self._cache.put(customer, Entry(rights, lane.version, Instant(fresh_until)), epoch)
        return rights

    async def snapshot(
        self, customer: str, *, at: datetime | None = None, known_at: datetime | None = None
    ) -> Snapshot:
        """The customer at the instant `at`, from what had been recorded by `known_at` (both: now).

        A past instant is answered from the facts whose own time is not later; a future one from all of
        them, as things will be if nothing more happens. Raises LaneConflict in the unlikely case that the
        customer kept changing while the snapshot was read.
        """
        return await self._snapshot(customer, at, known_at, SNAPSHOT_ROWS_MAX)

    async def _snapshot(
        self, customer: str, at: datetime | None, known_at: datetime | None, rows_max: int
    ) -> Snapshot:
        name = await lane_of(self._store, customer)
        now = self._clock.now()
        at_instant = now if at is None else instant(at)
        known = now if known_at is None else instant(known_at)
        if at_instant >= now and known >= now:
            lane, told = await self._present(name, rows_max)
            rows, live = told.rows, decode_live(lane.document)
            drawn = await self._store.drawn([row.key for row in _of(rows, LotRow)])
        else:
            lane = await self._store.lane(name)
            then = await rows_as_of(self._store, self._offers, lane.lane, at=at_instant, known_at=known)
            live, drawn = await self._past(lane.lane, then, at_instant, known)
            told = told_of(then, live, rows_max)
            rows = told.rows
        return Snapshot(
            customer=customer,
            at=at_instant,
            known_at=known,
            version=lane.version,
            rights=await self._evaluate(live, at_instant),
            intents=_of(rows, IntentRow),
            subscriptions=_of(rows, SubscriptionRow),
            purchases=_of(rows, PurchaseRow),
            lots=_of(rows, LotRow),
            invoices=_of(rows, InvoiceRow),
            cases=_of(rows, CaseRow),
            wallets=tuple(
                wallet_of(customer, unit, live.purse, at_instant) for unit in sorted(live.purse.units())
            ),
            drawn=drawn,
            hash=canonical_hash(rows),
            more=told.more,
        )

    async def explain(self, customer: str, feature: str, *, at: datetime | None = None) -> Explanation:
        """Why the customer has a feature, or has not: everything that grants it, or could.

        For the present it costs the same however long the history: of more than 200 purchases, or grants of
        credits, sums are told. Takes what `snapshot` takes, and raises what it raises.
        """
        identifier("feature", feature)
        if at is not None:
            return await self._explain_at(customer, feature, at)
        lane = await owning_lane(self._store, customer)
        now, live = self._clock.now(), decode_live(lane.document)
        known = await known_rows(self._store, lane.lane)
        offers = await self._offers.learn(_versions_in(known.rows) | versions_of(live))
        rights = evaluate(live, self._policy, offers, self._defaults, now)
        more = tuple(sums(feature, known, live, rights, offers))
        drawn = await self._store.drawn([row.key for row in _of(known.rows, LotRow)])
        return self._explained(feature, known.rows, now, drawn, rights.credits, live=live, more=more)

    async def _explain_at(self, customer: str, feature: str, at: datetime) -> Explanation:
        snapshot = await self._snapshot(customer, at, None, ALL_ROWS)
        rows: list[Row] = [*snapshot.intents, *snapshot.subscriptions, *snapshot.purchases]
        rows += [*snapshot.lots, *snapshot.invoices]
        await self._offers.learn(_versions_in(rows))
        return self._explained(feature, rows, snapshot.at, snapshot.drawn, snapshot.rights.credits)

    def _explained(
        self,
        feature: str,
        rows: Sequence[Row],
        at: Instant,
        drawn: Mapping[str, int],
        spendable: Mapping[str, int],
        *,
        live: Live | None = None,
        more: Sequence[Reason] = (),
    ) -> Explanation:
        return explain(
            feature,
            rows,
            self._policy,
            self._offers.known,
            self._catalog,
            self._defaults,
            at,
            drawn=drawn,
            spendable=spendable,
            live=live,
            more=more,
        )

    async def what_if(
        self,
        policy: AccessPolicy,
        *,
        at: datetime | None = None,
        samples_max: int = 10,
        tell: Tell = lambda _customers, _changed: None,
    ) -> WhatIf:
        """What every customer would gain and lose under another policy. Changes nothing.

        Reads everybody's lane, page by page; `tell` is told how far it is.
        """
        return await what_if(
            self._store,
            self._offers,
            self._defaults,
            self._policy,
            policy,
            at=self._clock.now() if at is None else instant(at),
            samples_max=samples_max,
            tell=tell,
        )

    async def link(self, customer: str, connection: str, provider_customer: str) -> None:
        """Tie a provider's customer to one of ours; what was waiting for an owner comes with it."""
        lane = await lane_of(self._store, customer)
        reference = Reference(object_key("customer", connection, provider_customer), lane)
        await self._recorder.link(reference, cause="link")

    def on_commit(self, batch: Batch) -> None:
        """Forget what this process's own batch has changed."""
        for step in batch.lanes:
            customer = customer_of(step.lane)
            if customer:
                self._cache.moved(customer, step.expected_version + 1)

    async def _evaluate(self, live: Live, at: Instant) -> Rights:
        offers = await self._offers.learn(versions_of(live))
        return evaluate(live, self._policy, offers, self._defaults, at)

    async def _present(self, name: str, rows_max: int) -> tuple[Lane, SnapshotRows]:
        """A lane and its rows, of one version: they are read one after another, so a change would show."""
        lane = await self._store.lane(name)
        for _ in range(SNAPSHOT_TRIES_MAX):
            told = await present_rows(self._store, lane, rows_max)
            again = await self._store.lane(name)
            if again.version == lane.version:
                return lane, told
            lane = again
        raise LaneConflict(f"lane {name!r} kept moving while it was read, {SNAPSHOT_TRIES_MAX} times")

    async def _past(
        self, lane: str, rows: list[Row], at: Instant, known_at: Instant
    ) -> tuple[Live, Mapping[str, int]]:
        """The live document as it was, and what was drawn: by what facts say, and what was spent by then."""
        until = min(at, known_at)
        moved = [one async for one in recorded_movements(self._store, lane) if one.at <= until]
        live = replace(
            exchange(EMPTY, (), rows, now=at),
            purse=purse_as_of(_of(rows, LotRow), moved, at),
            counters=counters_as_of(lane, moved),
        )
        return live, drawn_after(moved)


def _versions_in(rows: Iterable[Row]) -> frozenset[str]:
    return frozenset(getattr(row, "version", "") for row in rows) - {""}


def _of(rows: Iterable[Row], table: type[R]) -> tuple[R, ...]:
    return tuple(row for row in rows if isinstance(row, table))


def _end(rights: Rights) -> Instant:
    return NEVER if rights.valid_until is None else rights.valid_until
