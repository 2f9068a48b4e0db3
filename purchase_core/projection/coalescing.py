"""Coalescing: decisions that wait for one lane are taken in sequence, and committed together.

Else the next could not be taken before the last was durable, and a hot customer would be as slow as the disk.
Each decision keeps its own batch, key and outcome; it is decided on the view that those before it lead to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import attrs
from msgspec.structs import replace

from purchase_core.errors import PurchaseError
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import View
from purchase_core.projection.work import Recorded, Work
from purchase_core.records.lane import Lane
from purchase_core.records.movement import Head

TOGETHER_MAX = 50

Addition = Callable[[Batch], Batch]


@attrs.define(eq=False)
class Request:
    """Some work to be recorded. `alone`: it is tried together with others once, and then by itself.

    `tried`: what was to be committed together with others; whether it was may not be known. `refused`: its
    decision was not to be taken, which is an outcome as well. `heads`: how far the journals of lanes have
    come, where their documents did not say.
    """

    batch_id: str
    work: Work
    cause: str
    addition: Addition
    outcome: Recorded | None = None
    refused: PurchaseError | None = None
    alone: bool = False
    tried: Recorded | None = None
    heads: Mapping[str, Head] = attrs.Factory(dict)

    @property
    def done(self) -> bool:
        """Whether it has come to an end."""
        return self.outcome is not None or self.refused is not None


class Waiting:
    """Requests by the lanes that they wait for or hold."""

    def __init__(self) -> None:
        self._by_lane: dict[str, dict[Request, None]] = {}

    def add(self, request: Request, lanes: Iterable[str]) -> None:
        """From now on, whoever holds one of these lanes may do the request's work."""
        for lane in lanes:
            self._by_lane.setdefault(lane, {})[request] = None

    def remove(self, request: Request, lanes: Iterable[str]) -> None:
        """It is done, or given up."""
        for lane in lanes:
            requests = self._by_lane[lane]
            del requests[request]
            if not requests:
                del self._by_lane[lane]

    def beside(self, request: Request, lanes: Iterable[str]) -> Sequence[Request]:
        """The request, and those that share a lane with it and can be done with it, first come first."""
        found = {request: None}
        for lane in lanes:
            found |= {one: None for one in self._by_lane[lane] if not (one.done or one.alone)}
        return list(found)[:TOGETHER_MAX]


def advanced(view: View, batch: Batch) -> View:
    """What the view would be after this batch."""
    dropped = set(batch.dropped_clusters)
    clusters = {root: one for root, one in view.clusters.items() if root not in dropped}
    moved = {
        one.lane: Lane(
            one.lane, one.expected_version + 1, one.document, one.linked_to, one.reducer, one.erased
        )
        for one in batch.lanes
    }
    return replace(
        view,
        references={**view.references, **{one.object: one for one in batch.references}},
        prices={**view.prices, **{(one.connection, one.price): one for one in batch.prices}},
        lanes={**view.lanes, **moved},
        clusters={**clusters, **{one.root: one for one in batch.clusters}},
    )
