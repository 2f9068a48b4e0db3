"""What is held here, held against the provider: the links of customers, and subscriptions that are live.

Reconciling starts from what the provider lists, so it never learns of what the provider has lost. Two of its
passes start from here or from the customers: `customers` goes through the provider's customers, and finds
those that carry our reference and are linked to nobody, or to somebody else; `held` asks for every
subscription that is live here, and finds those that the provider does not know. A vanished subscription is
told, and nothing is done about it: absence is no fact, and takes nobody's rights away. A person ends it, or
mends the connection.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from purchase_core.errors import AuthenticationFailed, ProviderRefused
from purchase_core.facts.fact import object_key
from purchase_core.facts.reading import ENDED_SUBSCRIPTIONS
from purchase_core.facts.rows import SubscriptionRow
from purchase_core.operations.passes import (
    DIFFERS,
    FOREIGN,
    MISSING,
    SAME,
    VANISHED,
    Found,
    counted,
    ended,
    moved,
    place_of,
)
from purchase_core.ports.provider import ListedCustomer, OurReference, Provider
from purchase_core.ports.store import Question, Store
from purchase_core.projection.recorder import Recorder
from purchase_core.records.lane import customer_lane, customer_of
from purchase_core.records.reference import Reference
from purchase_core.records.run import Run

ROWS_PER_PAGE = 500
ASKED_PER_PAGE = 10  # of them; a subscription is asked for by itself


class Held:
    """Reads the pages of the passes over what is held here, or should be."""

    def __init__(self, store: Store, recorder: Recorder) -> None:
        self._store = store
        self._recorder = recorder

    # --- customers ---------------------------------------------------------------------------

    async def customers(self, provider: Provider, run: Run) -> tuple[Run, list[Found]]:
        """A page of the provider's customers; where it repairs, those that are missing are linked.

        Raises ProviderError and StoreError.
        """
        place = place_of(run)
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
        run, place = counted(run, counts), replace(place, cursor=page.cursor)
        return (moved if page.cursor else ended)(run, place), found

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
        """A page of what is live here: so many rows, of which so many are asked for.

        Raises ProviderError and StoreError.
        """
        place = place_of(run)
        rows = await self._store.rows(SubscriptionRow, after_key=place.cursor, limit=ROWS_PER_PAGE)
        live = [row for row in rows if row.connection == run.scope and row.status not in ENDED_SUBSCRIPTIONS]
        counts, found = {SAME: 0, VANISHED: 0}, []
        for row in live[:ASKED_PER_PAGE]:
            reason = await _refusal(provider, row)
            counts[VANISHED if reason else SAME] += 1
            if reason:
                found.append(Found(VANISHED, "subscription", row.key, reason))
        run = counted(run, counts)
        if len(live) > ASKED_PER_PAGE:
            return moved(run, replace(place, cursor=live[ASKED_PER_PAGE - 1].key)), found
        place = replace(place, cursor=rows[-1].key if rows else place.cursor)
        return (moved if len(rows) == ROWS_PER_PAGE else ended)(run, place), found


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
