"""What is held here, held against the provider: the links of customers, and subscriptions that are live.

Reconciling starts from what the provider lists, so it never learns of what the provider has lost. Two of its
passes do:

- `customers` goes through the provider's customers, and finds those that carry our reference and are linked
  to nobody, or to somebody else; then through our links, and asks for each customer that was not listed. One
  that is gone is noted, so that nothing more is sold to it.
- `held` goes through the provider's subscriptions, then through those that are live here, and asks for each
  that was not listed. One that the provider does not know has vanished: that is told, and nothing is done
  about it. Absence is no fact, and takes nobody's rights away. A person ends it, or mends the connection.

What was listed is remembered in memory, for the run that listed it. Where another process goes on with a run,
all of the rest is asked for one by one: slower, and it comes to its end.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from msgspec.structs import replace

from purchase_core.errors import AuthenticationFailed, ProviderRefused
from purchase_core.facts.fact import object_key
from purchase_core.facts.reading import ENDED_SUBSCRIPTIONS
from purchase_core.facts.rows import SubscriptionRow
from purchase_core.instants import DAY, Clock
from purchase_core.operations.passes import (
    DIFFERS,
    FOREIGN,
    GONE,
    MISSING,
    SAME,
    VANISHED,
    Found,
    Place,
    counted,
    ended,
    moved,
    place_of,
)
from purchase_core.ports.provider import ListedCustomer, OurReference, Provider
from purchase_core.ports.store import Question, Store
from purchase_core.projection.recorder import Recorder
from purchase_core.records.lane import CUSTOMER, customer_lane, customer_of
from purchase_core.records.reference import Reference
from purchase_core.records.run import Run
from purchase_core.workflows.links import Linked, Links

ROWS_PER_PAGE = 500
LANES_PER_PAGE = 100
GONE_TOLD_DAYS = 7  # a customer who is gone; nobody has to do anything about it
ASKED_PER_PAGE = 10  # of them; what no list has shown is asked for by itself
LISTED_MAX = 1_000_000  # objects that are remembered of a run; beyond, they are asked for
RUNS_REMEMBERED_MAX = 20

LISTING, ASKING = "", "asking"  # the stages of a pass over what is held here


class Held:
    """Reads the pages of the passes over what is held here, or should be."""

    def __init__(self, store: Store, recorder: Recorder, links: Links, clock: Clock) -> None:
        self._store = store
        self._recorder = recorder
        self._links = links
        self._clock = clock
        self._listed: OrderedDict[str, set[str]] = OrderedDict()

    # --- customers ---------------------------------------------------------------------------

    async def customers(self, provider: Provider, run: Run) -> tuple[Run, list[Found]]:
        """A page of the provider's customers, or of our links to them.

        Where it repairs, links that are missing are made, and those that are gone are noted. Raises
        ProviderError and StoreError.
        """
        place = place_of(run)
        if place.kind == ASKING:
            return await self._links_left(provider, run, place)
        page = await provider.customers(cursor=place.cursor)
        remembered = self._begun(run.id) if not place.cursor else self._listed.get(run.id)
        if remembered is not None:
            remembered.update(one.id for one in page.customers if not one.gone)
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
        kind = LISTING if page.cursor else ASKING
        return moved(counted(run, counts), replace(place, kind=kind, cursor=page.cursor)), found

    async def _links_left(self, provider: Provider, run: Run, place: Place) -> tuple[Run, list[Found]]:
        """So many lanes of customers, and of their links that were not listed so many."""
        page = await self._store.lanes(after=place.cursor or CUSTOMER, limit=LANES_PER_PAGE)
        lanes = [one for one in page if one.lane.startswith(CUSTOMER)]
        asked, looked, found = 0, 0, list[Found]()
        for lane in lanes:
            looked += 1
            linked = await self._links.of(run.scope, lane.lane)
            for identifier in () if lane.erased else self._unlisted(run, linked):
                asked += 1
                if await self._to_be_told(provider, place, lane.lane, linked, identifier):
                    whose = f"{customer_of(lane.lane)!r} is linked to it, and it is deleted or archived"
                    found.append(
                        Found(GONE, "customer", object_key("customer", run.scope, identifier), whose)
                    )
            if asked >= ASKED_PER_PAGE:
                break
        run = counted(run, {GONE: len(found)})
        if looked < len(lanes) or (lanes and len(lanes) == LANES_PER_PAGE):
            return moved(run, replace(place, cursor=lanes[looked - 1].lane)), found
        self._listed.pop(run.id, None)
        return ended(run, place), found

    def _unlisted(self, run: Run, linked: Linked) -> Sequence[str]:
        listed = self._listed.get(run.id, frozenset[str]())
        return [one for one in (*linked.good, *linked.gone) if one not in listed]

    async def _to_be_told(
        self, provider: Provider, place: Place, lane: str, linked: Linked, identifier: str
    ) -> bool:
        """Whether a link is gone, and nobody has been told for long; noted, where the pass repairs."""
        name, now = provider.connection.name, self._clock.now()
        noted = await self._links.noted(name, identifier)
        if noted is not None and now - noted.updated_at > GONE_TOLD_DAYS * DAY:
            return False  # whoever buys next asks for it
        if place.repair:
            gone = await self._links.is_gone(provider, lane, identifier)
        else:
            gone = await provider.find_customer(identifier) is None
        return gone and not set(linked.good) - {identifier}

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

    async def subscriptions(self, provider: Provider, run: Run) -> tuple[Run, list[Found]]:
        """A page of what the provider lists, or of what is live here: so many rows, and of those that were
        not listed so many.

        Raises ProviderError and StoreError.
        """
        place = place_of(run)
        if place.kind == LISTING:
            return await self._list(provider, run, place)
        return await self._ask(provider, run, place)

    async def _list(self, provider: Provider, run: Run, place: Place) -> tuple[Run, list[Found]]:
        listed = self._begun(run.id) if not place.cursor else self._listed.get(run.id)
        if listed is None:  # another process has begun it
            return moved(run, replace(place, kind=ASKING, cursor="")), []
        page = await provider.objects("subscription", cursor=place.cursor)
        for one in page.objects:
            if len(listed) < LISTED_MAX:
                listed.add(one.id)
        kind = LISTING if page.cursor else ASKING
        return moved(run, replace(place, kind=kind, cursor=page.cursor)), []

    def _begun(self, run: str) -> set[str]:
        self._listed[run] = set()
        while len(self._listed) > RUNS_REMEMBERED_MAX:
            self._listed.popitem(last=False)  # it was cut off, and may be gone on with in the slow way
        return self._listed[run]

    async def _ask(self, provider: Provider, run: Run, place: Place) -> tuple[Run, list[Found]]:
        rows = await self._store.rows(SubscriptionRow, after_key=place.cursor, limit=ROWS_PER_PAGE)
        live = [row for row in rows if row.connection == run.scope and row.status not in ENDED_SUBSCRIPTIONS]
        listed = self._listed.get(run.id, frozenset[str]())
        unlisted = [row for row in live if row.provider_id not in listed]
        asked = unlisted[:ASKED_PER_PAGE]
        whole = len(asked) == len(unlisted)
        behind = (rows[-1].key if rows else place.cursor) if whole else asked[-1].key
        told = [(row, await _refusal(provider, row)) for row in asked]
        found = [Found(VANISHED, "subscription", row.key, reason) for row, reason in told if reason]
        looked = sum(row.key <= behind for row in live)
        run = counted(run, {SAME: looked - len(found), VANISHED: len(found)})
        place = replace(place, cursor=behind)
        if not whole or len(rows) == ROWS_PER_PAGE:
            return moved(run, place), found
        self._listed.pop(run.id, None)
        return ended(run, place), found


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
