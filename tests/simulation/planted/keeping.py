"""Bugs in who people are, and in asking providers what never arrived."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from purchase_core.inbox.sealing import sealed
from purchase_core.operations import passes, reconcile
from purchase_core.operations.reconcile import Reconcile
from purchase_core.projection.change import Change
from purchase_core.projection.owner import owning_lane
from purchase_core.records.lane import customer_lane
from purchase_core.workflows import claims
from purchase_core.workflows.customers import ManagedCustomers

from .planting import Planter, bug


@bug
def keeps_bodies_of_the_erased(to: Planter) -> None:
    """What comes of somebody after they were erased is kept whole."""
    to.everywhere(sealed, lambda batch, delivery: batch)


@bug
def erases_details_alone(to: Planter) -> None:
    """Of somebody who is erased, what was delivered before is kept."""

    async def kept(self: Any, identifiers: Any) -> int:
        return len(identifiers)

    to.put(ManagedCustomers, "_redact", kept)


@bug
def keeps_details_of_the_erased(to: Planter) -> None:
    """Of somebody who is erased, what the application has said is kept."""
    record = ManagedCustomers.erase

    async def kept(self: Any, customer: str, **how: Any) -> Any:
        before = await self._store.details(customer)
        done = await record(self, customer, **how)
        if before is not None:
            self._store._store.database.details[customer] = before
        return done

    to.put(ManagedCustomers, "erase", kept)


@bug
def gives_what_is_claimed_to_who_was_merged(to: Planter) -> None:
    """What is claimed under an old id is not theirs into whom it was merged."""

    async def old(store: Any, customer: str) -> str:
        return customer_lane(customer)

    link = Change.link
    to.put(claims, "lane_of", old)
    to.put(Change, "link", lambda self, lane, owner: link(self, lane, _unmerged(self, owner)))


def _unmerged(change: Any, owner: str) -> str:
    merged = [one.lane for one in change.places.view.lanes.values() if one.linked_to == owner]
    ours = [one for one in merged if one.startswith("customer:")]
    return ours[0] if ours else owner


@bug
def answers_for_who_was_merged_alone(to: Planter) -> None:
    """Whoever was merged is asked for under their old id, and has nothing."""

    async def own(store: Any, customer: str) -> Any:
        return replace(await store.lane(customer_lane(customer)), linked_to="")

    to.everywhere(owning_lane, own)


@bug
def finds_nothing_missed(to: Planter) -> None:
    """What is listed as having happened is taken for known, and what is there for the same."""

    async def nothing(self: Any, provider: Any, bodies: Any, *, repair: bool) -> Any:
        return [], {}

    to.put(Reconcile, "_missed", nothing)
    to.put(reconcile, "_judged", lambda meaning, known: (passes.SAME, []))


@bug
def sees_no_difference(to: Planter) -> None:
    """An object that is known is taken for the same, however it looks by now."""
    judged = reconcile._judged

    def missing_alone(meaning: Any, known: Any) -> Any:
        what, fresh = judged(meaning, known)
        return (passes.SAME, []) if what == passes.DIFFERS else (what, fresh)

    to.put(reconcile, "_judged", missing_alone)


@bug
def reads_the_first_page_of_each_kind(to: Planter) -> None:
    """Of what there is, the first page is looked at."""
    page_of = Reconcile._page_of_objects

    async def first(self: Any, run: Any) -> Any:
        place = passes.place_of(run)
        after, found = await page_of(self, run)
        moved = passes.place_of(after)
        if moved.cursor and moved.kind == (place.kind or moved.kind):
            kinds = self._provider(run.scope).listed_kinds
            left = kinds[kinds.index(moved.kind) + 1 :]
            if not left:
                return passes.ended(after, moved), found
            after = passes.moved(after, replace(moved, kind=left[0], cursor=""))
        return after, found

    to.put(Reconcile, "_page_of_objects", first)
