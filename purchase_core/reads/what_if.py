"""What if the access policy were another: what every customer would gain and lose, and nothing is changed.

One read a page of lanes: a lane's live document is all that rights are worked out from. So it costs what
there are customers, and holds a page of them at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

import attrs

from purchase_core.access.evaluate import evaluate, versions_of
from purchase_core.access.live import EMPTY, decode_live
from purchase_core.access.policy import AccessPolicy
from purchase_core.access.rights import Rights
from purchase_core.catalog.versions import OfferVersion
from purchase_core.instants import Instant
from purchase_core.ports.paging import pages
from purchase_core.ports.store import Store
from purchase_core.projection.offers import OfferShelf
from purchase_core.records.lane import CUSTOMER, Lane, customer_of

LANES_AT_ONCE = 1_000


@attrs.frozen
class Moved:
    """One right that a customer would have otherwise: how much of it before and after. A flag is 1."""

    kind: str  # feature | quota | licence
    name: str
    before: int
    after: int


@attrs.frozen
class Difference:
    """A customer whose rights would change."""

    customer: str
    moved: tuple[Moved, ...]


@attrs.frozen
class WhatIf:
    """What another policy would do at an instant. Both are named by their hashes.

    `gained` and `lost` count customers by right (`feature:export`); a right that only shrinks or grows counts
    too. `samples` are the first customers that differ.
    """

    at: Instant
    before: str
    after: str
    customers: int
    changed: int
    gained: Mapping[str, int]
    lost: Mapping[str, int]
    samples: Sequence[Difference]


Tell = Callable[[int, int], None]
"""Is told now and then of how many customers were looked at, and how many would change."""


async def what_if(
    store: Store,
    offers: OfferShelf,
    defaults: Sequence[OfferVersion],
    before: AccessPolicy,
    after: AccessPolicy,
    *,
    at: Instant,
    samples_max: int,
    tell: Tell,
) -> WhatIf:
    """Work out every customer's rights under both policies, as things are now."""
    customers, changed = 0, 0
    gained, lost = Counter[str](), Counter[str]()
    samples: list[Difference] = []
    async for page in _pages(store):
        lives = [(customer_of(lane.lane), decode_live(lane.document)) for lane in page]
        known = await offers.learn(frozenset().union(*(versions_of(live) for _, live in lives)))
        for customer, live in lives:
            customers += 1
            if live == EMPTY:
                continue
            moved = tuple(
                differences(
                    evaluate(live, before, known, defaults, at), evaluate(live, after, known, defaults, at)
                )
            )
            if moved:
                changed += 1
                gained.update(f"{one.kind}:{one.name}" for one in moved if one.after > one.before)
                lost.update(f"{one.kind}:{one.name}" for one in moved if one.after < one.before)
                if len(samples) < samples_max:
                    samples.append(Difference(customer, moved))
        tell(customers, changed)
    return WhatIf(at, before.hash, after.hash, customers, changed, gained, lost, tuple(samples))


def differences(before: Rights, after: Rights) -> Iterator[Moved]:
    """Every right that differs, by kind and name."""
    for name in sorted(before.features ^ after.features):
        yield Moved("feature", name, int(name in before.features), int(name in after.features))
    for name in sorted({*before.quotas, *after.quotas}):
        if before.limit(name) != after.limit(name):
            yield Moved("quota", name, before.limit(name), after.limit(name))
    for name in sorted({*before.licences, *after.licences}):
        if before.licence(name) != after.licence(name):
            yield Moved("licence", name, before.licence(name), after.licence(name))


async def _pages(store: Store) -> AsyncIterator[Sequence[Lane]]:
    """Lanes of customers that are their own, a page at a time."""
    found = pages(
        lambda name: store.lanes(after=name, limit=LANES_AT_ONCE),
        lambda one: one.lane,
        CUSTOMER,
        rows_max=LANES_AT_ONCE,
    )
    async for page in found:
        mine = [one for one in page if one.lane.startswith(CUSTOMER) and not one.linked_to]
        if mine:
            yield mine
        if not page[-1].lane.startswith(CUSTOMER):
            return
