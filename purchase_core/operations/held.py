"""What is held here, held against the provider: the links of customers, and subscriptions that are live.

Reconciling starts from what the provider lists, so it never learns of what the provider has lost. Two passes
start from here or from the customers: `customers` goes through the provider's customers, and finds those that
carry our reference and are linked to nobody, or to somebody else; `held` asks for every subscription that is
live here, and finds those that the provider does not know. A vanished subscription is told, and nothing is
done about it: absence is no fact, and takes nobody's rights away. A person ends it, or mends the connection.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from purchase_core.errors import (
    AuthenticationFailed,
    NotFound,
    ProviderRefused,
    UnknownConnection,
    WrongState,
)
from purchase_core.facts.fact import object_key
from purchase_core.facts.reading import ENDED_SUBSCRIPTIONS
from purchase_core.facts.rows import SubscriptionRow
from purchase_core.identifiers import IdSource
from purchase_core.instants import Clock
from purchase_core.operations.reconcile import DIFFERS, FOREIGN, MISSING, PAGES_MAX, SAME, Found
from purchase_core.ports.provider import Capability, ListedCustomer, OurReference, Provider
from purchase_core.ports.store import Batch, Question, Store
from purchase_core.projection.recorder import Recorder
from purchase_core.records.lane import customer_lane, customer_of
from purchase_core.records.reference import Reference
from purchase_core.records.run import FINISHED, RUNNING, Run
from purchase_core.values import Value

CUSTOMERS, HELD = "reconcile-customers", "reconcile-held"
PASSES = (CUSTOMERS, HELD)
VANISHED = "vanished"
ASKED_PER_PAGE = 50  # a subscription is asked for by itself


class Place(Value, frozen=True):
    """How far a pass has come: the provider's cursor, or the key of our row."""

    repair: bool
    cursor: str = ""


class Held:
    """Looks for what is held here, or should be."""

    def __init__(
        self,
        store: Store,
        recorder: Recorder,
        connections: Mapping[str, Provider],
        clock: Clock,
        ids: IdSource,
        *,
        code: str,
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._connections = connections
        self._clock = clock
        self._ids = ids
        self._code = code

    def passes(self, connection: str) -> tuple[str, ...]:
        """The passes that this provider allows. Raises UnknownConnection."""
        provider = self._provider(connection)
        return PASSES if Capability.LIST_OBJECTS in provider.capabilities else ()

    def start(self, connection: str, kind: str, *, repair: bool, note: str = "") -> Run:
        """A pass that has not begun. Raises UnknownConnection, or CapabilityMissing."""
        self._provider(connection).need(Capability.LIST_OBJECTS)
        now, cursor = self._clock.now(), _encoded(Place(repair))
        return Run(self._ids.new("run"), kind, connection, RUNNING, self._code, now, now, cursor, note=note)

    async def resumed(self, run_id: str) -> Run:
        """A pass that was cut off. Raises NotFound, and WrongState where it is no such thing."""
        found = await self._store.run(run_id)
        if found is None:
            raise NotFound(f"no run {run_id!r}", hint="`purchase runs list` shows what there is.")
        if found.kind not in PASSES or found.state != RUNNING:
            raise WrongState(f"run {run_id!r} is a {found.kind} that is {found.state}")
        return found

    async def run(self, run: Run, *, pages_max: int = PAGES_MAX) -> AsyncIterator[tuple[Run, list[Found]]]:
        """Go on with a pass for so many pages, or to its end; noted, if it repairs, after each page.

        Raises ProviderError and StoreError.
        """
        for _ in range(pages_max):
            if run.state == FINISHED:
                return
            page = self._page_of_customers if run.kind == CUSTOMERS else self._page_of_held
            run, found = await page(run)
            run = replace(run, updated_at=self._clock.now())
            if _place(run).repair:
                await self._store.commit(Batch(self._ids.new("batch"), run.updated_at, runs=(run,)))
            yield run, found

    def _provider(self, connection: str) -> Provider:
        provider = self._connections.get(connection)
        if provider is None:
            raise UnknownConnection(f"no connection {connection!r} is configured")
        return provider

    # --- customers ---------------------------------------------------------------------------

    async def _page_of_customers(self, run: Run) -> tuple[Run, list[Found]]:
        provider, place = self._provider(run.scope), _place(run)
        page = await provider.customers(cursor=place.cursor)
        counts = {SAME: 0, FOREIGN: 0}
        found = []
        for one in await self._judged(provider, page.customers):
            if isinstance(one, str):
                counts[one] += 1
                continue
            found.append(one)
            counts[one.what] = counts.get(one.what, 0) + 1
            if place.repair and one.what == MISSING:
                await self._recorder.link(Reference(one.about, one.rows[0]), cause=run.id)
        return _noted(run, replace(place, cursor=page.cursor), counts, ended=not page.cursor), found

    async def _judged(self, provider: Provider, customers: Sequence[ListedCustomer]) -> list[str | Found]:
        name = provider.connection.name
        claims = {
            object_key("customer", name, one.id): OurReference.read(
                one.metadata, provider.connection
            ).customer
            for one in customers
        }
        lanes = tuple({customer_lane(claim) for claim in claims.values() if claim})
        view = await self._store.look(Question(objects=tuple(claims), lanes=lanes))
        judged: list[str | Found] = []
        for key, claim in claims.items():
            linked = view.references.get(key)
            known = view.lanes.get(customer_lane(claim)) if claim else None
            if known is None or known.erased:
                judged.append(FOREIGN if linked is None else SAME)
            elif linked is None:
                lane = known.linked_to or known.lane
                judged.append(Found(MISSING, "customer", key, f"it is {claim!r} by its metadata", (lane,)))
            elif customer_of(linked.lane) and linked.lane != (known.linked_to or known.lane):
                told = f"linked to {customer_of(linked.lane)!r}, and {claim!r} by its metadata"
                judged.append(Found(DIFFERS, "customer", key, told))
            else:
                judged.append(SAME)
        return judged

    # --- subscriptions -----------------------------------------------------------------------

    async def _page_of_held(self, run: Run) -> tuple[Run, list[Found]]:
        provider, place = self._provider(run.scope), _place(run)
        rows = await self._store.rows(SubscriptionRow, after_key=place.cursor, limit=ASKED_PER_PAGE)
        counts, found = {SAME: 0, VANISHED: 0}, []
        for row in rows:
            if row.connection != run.scope or row.status in ENDED_SUBSCRIPTIONS:
                continue
            reason = await _refusal(provider, row)
            counts[VANISHED if reason else SAME] += 1
            if reason:
                found.append(Found(VANISHED, "subscription", row.key, reason))
        cursor = rows[-1].key if rows else place.cursor
        return _noted(run, replace(place, cursor=cursor), counts, ended=len(rows) < ASKED_PER_PAGE), found


async def _refusal(provider: Provider, row: SubscriptionRow) -> str:
    """Why the provider does not know a subscription; "" if it does."""
    try:
        await provider.fetch("subscription", row.provider_id)
    except AuthenticationFailed:
        raise
    except ProviderRefused as error:
        whose = customer_of(row.lane) or "nobody"
        return f"{whose}'s, {row.status} here; the provider does not know it ({error.provider_code})"
    return ""


def _noted(run: Run, place: Place, counts: Mapping[str, int], *, ended: bool) -> Run:
    sums = {name: run.counts.get(name, 0) + counts.get(name, 0) for name in {**run.counts, **counts}}
    return replace(run, cursor=_encoded(place), counts=sums, state=FINISHED if ended else RUNNING)


def _place(run: Run) -> Place:
    return msgspec.json.decode(run.cursor, type=Place)


def _encoded(place: Place) -> str:
    return msgspec.json.encode(place).decode()
