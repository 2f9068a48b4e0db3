"""Truth: whether what is stored says the same as the facts, and the facts the same as themselves.

Two ways, each where it is the honest one. Whether rows, clusters, references and documents are what the facts
amount to needs the fold, which no SQL has: lanes are read in portions, each as of one moment, and folded.
Whether something names what is not there is a question for the database alone: `Store.dangling` asks it in
one statement a relation, over everything at once, with no row carried here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Mapping

from purchase_core.catalog.versions import OfferVersion
from purchase_core.facts.fact import digest_of
from purchase_core.facts.rows import InvoiceRow, LotRow, PurchaseRow
from purchase_core.instants import HOUR, Clock
from purchase_core.operations.rebuild import Rebuild
from purchase_core.operations.sharing import Share, alone, ranges
from purchase_core.ports.batch import FACTS_PER_BATCH_MAX
from purchase_core.ports.store import Store
from purchase_core.projection.shadow import Difference, Shadow
from purchase_core.records.finding import ERROR, INFO, WARNING, Finding
from purchase_core.values import Value

DANGLING_MAX = 1_000
FACTS_NAMED_MAX = 5
AHEAD = HOUR  # by which clocks of machines may differ
RESTORE = "Restore it from a backup."
REBUILD_FIX = "purchase rebuild --shadow --diff, then purchase rebuild"


class Examined(Value, frozen=True):
    """What came of some lanes: how many facts they have, what is wrong, and the offer versions they name."""

    facts: int
    findings: list[Finding]
    versions: frozenset[str]


class Truth:
    """Holds what is stored against the facts."""

    def __init__(self, store: Store, rebuild: Rebuild, clock: Clock) -> None:
        self._store = store
        self._rebuild = rebuild
        self._clock = clock

    async def examine(self, share: Share[Examined] | None = None) -> AsyncIterator[tuple[int, list[Finding]]]:
        """How many facts were looked at, and what is wrong there; by portions. Raises StoreError.

        `share`: who calls `examined` for each range; else this does.
        """
        yield (
            0,
            [_dangling(one.relation, one.key, one.names) for one in await self._store.dangling(DANGLING_MAX)],
        )
        known: dict[str, bool] = {}
        async for _, one in (share or alone(self.examined))(ranges(self._store, "")):
            yield one.facts, [*one.findings, *await self._offers(one.versions, known)]

    async def examined(self, first: str, last: str) -> Examined:
        """What the lanes from the first to the last say of themselves. Raises StoreError."""
        shadows = await self._rebuild.shadows(first, last)
        return Examined(
            sum(len(one.share.recorded) for one in shadows),
            [finding for one in shadows for finding in self._of_lane(one)],
            frozenset().union(*(one.versions for one in shadows)),
        )

    def _of_lane(self, shadow: Shadow) -> Iterator[Finding]:
        lane, now = shadow.share.lane, self._clock.now()
        come_to = {one.lane: one.version for one in (lane, *shadow.share.linked)}
        for position, recorded in shadow.share.recorded:
            fact = recorded.fact
            if digest_of(fact.body) != fact.digest:
                message = "a fact says something else than it was recorded for"
                yield Finding("truth.digest", ERROR, message, fact.object, (fact.key,), RESTORE)
            if not 0 < position // FACTS_PER_BATCH_MAX <= come_to.get(recorded.lane, 0):
                message = f"a fact lies behind what lane {recorded.lane} has come to"
                yield Finding("truth.position", ERROR, message, fact.object, (fact.key,), RESTORE)
            if recorded.recorded_at > now + AHEAD:
                yield Finding("truth.time", ERROR, "a fact was recorded in the future", fact.key)
        if shadow.newer:
            yield Finding("truth.newer", INFO, f"newer code wrote to lane {lane.lane}", lane.lane)
            return
        if shadow.outdated:
            message = f"lane {lane.lane} was written by an older fold"
            yield Finding("truth.outdated", WARNING, message, lane.lane, fix="purchase rebuild")
        for difference in shadow.differences(now):
            yield _differing(shadow, difference)
        yield from _money(shadow)

    async def _offers(self, named: Collection[str], known: dict[str, bool]) -> list[Finding]:
        """Offer versions that are named and not kept, or kept as something else."""
        fresh = [one for one in named if one not in known]
        found: Mapping[str, OfferVersion] = await self._store.offers(fresh) if fresh else {}
        known.update((one, one in found and found[one].hash == one) for one in fresh)
        return [
            Finding(
                "truth.offer",
                ERROR,
                f"offer version {one} is {'kept as another one' if one in found else 'not kept'}",
                one,
                fix="Open the billing with the catalog that sold it.",
            )
            for one in sorted(fresh)
            if not known[one]
        ]


def _differing(shadow: Shadow, difference: Difference) -> Finding:
    table = difference.table
    kind = table if table in ("clusters", "references", "documents") else "rows"
    return Finding(
        f"truth.{kind}", ERROR, str(difference), difference.key, _facts_of(shadow, difference), REBUILD_FIX
    )


def _facts_of(shadow: Shadow, difference: Difference) -> tuple[str, ...]:
    """Keys of some facts that say how it should be."""
    rows = {key: row.root for (_, key), row in {**shadow.share.rows, **shadow.rows}.items()}
    root = rows.get(difference.key) or shadow.folded.roots.get(difference.key, difference.key)
    known = shadow.folded.clusters.get(root)
    about = {*known.registers} if known else {difference.key}
    keys = [one.fact.key for _, one in shadow.share.recorded if one.fact.object in about]
    if not keys:
        keys = [one.fact.key for _, one in shadow.share.recorded]
    return tuple(keys[:FACTS_NAMED_MAX])


def _money(shadow: Shadow) -> Iterator[Finding]:
    """Money that does not add up although everything was folded right: what was seen says so."""
    for row in shadow.rows.values():
        wrong = ""
        if isinstance(row, InvoiceRow) and row.refunded + row.refunding + row.disputed > row.paid:
            back = row.refunded + row.refunding
            wrong = f"{back} of {row.paid} that were paid went back, and {row.disputed} are disputed"
        elif isinstance(row, PurchaseRow) and row.refunded > row.paid:
            wrong = f"{row.refunded} of {row.paid} that were paid went back"
        elif isinstance(row, LotRow) and not 0 <= row.clawed <= row.granted:
            wrong = f"{row.clawed} of {row.granted} credits are asked back"
        if wrong:
            difference = Difference("differs", row.TABLE, row.key)
            fix = "Look at it in the provider's dashboard."
            yield Finding("truth.money", WARNING, wrong, row.key, _facts_of(shadow, difference), fix)


def _dangling(relation: str, key: str, names: str) -> Finding:
    return Finding(
        "truth.dangling",
        ERROR,
        f"{relation} of {key} names {names or 'nothing'}, which is not there",
        key,
        (key,) if relation.startswith("facts.") else (),
        "Restore it from a backup, or `purchase rebuild` where it is of the projection.",
    )
