"""Attention: everything that waits for a person, in one list, each with the command that goes on with it."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Collection, Sequence

from msgspec.structs import replace

from purchase_core.facts.rows import CaseRow, RefundRow
from purchase_core.inbox.refusal_log import RefusalLog
from purchase_core.inbox.refusals import Refused
from purchase_core.instants import HOUR, SECOND, Clock, Instant
from purchase_core.operations.passes import LEFT, Left
from purchase_core.operations.quarantine import Group, Quarantine
from purchase_core.ports.store import Store
from purchase_core.records.command import PLANNED, Command
from purchase_core.records.lane import customer_of
from purchase_core.records.run import FINISHED, Run
from purchase_core.values import Value

LATELY = 15 * SECOND
UNKNOWN_AFTER = HOUR  # until then, a worker is still finding out
ITEMS_MAX = 1_000  # of each kind
LATELY_ITEMS_MAX = 200  # likewise, of what is read again and again, and shown in part
QUARANTINED_MAX = 2_000  # the newest of them are told by cause
RUNS_MAX = 100  # of a kind of pass, over all connections


class Item(Value, frozen=True):
    """Something that waits. `kind`: quarantine | refused | case | outcome | refund | vanished | link | gone.

    `count` are alike. `amount` is the money at stake, in minor units; `next` is the command that shows it, or
    goes on with it.
    """

    kind: str
    about: str
    what: str
    count: int
    customer: str
    amount: int
    currency: str
    since: Instant
    next: str


class Lately(Value, frozen=True):
    """What waits, as it was `at` an instant. `more`: there may be others, about less money or newer."""

    at: Instant
    items: Sequence[Item]
    more: bool


class Attention:
    """Reads what waits for a person. `connections` are those that are configured, open or not."""

    def __init__(
        self,
        store: Store,
        quarantine: Quarantine,
        connections: Collection[str],
        refusals: RefusalLog,
        clock: Clock,
        kinds: Callable[[], Collection[str]],
    ) -> None:
        self._store = store
        self._kinds = kinds
        self._quarantine = quarantine
        self._connections = connections
        self._refusals = refusals
        self._clock = clock
        self._lock = asyncio.Lock()
        self._known: Lately | None = None

    async def lately(self) -> Lately:
        """The list, up to LATELY_ITEMS_MAX of each kind, as it was at an instant of the last LATELY.

        However many ask, it is read once.
        """
        async with self._lock:
            now = self._clock.now()
            if self._known is None or not 0 <= now - self._known.at < LATELY:
                self._known = Lately(now, *await self._read(LATELY_ITEMS_MAX))
            return self._known

    async def list(self) -> Sequence[Item]:
        """Money first, then what has waited longest.

        Of what waits for money, no more than the ITEMS_MAX of each kind that are about the most; of what is
        quarantined, the causes of the newest QUARANTINED_MAX. `Store.tallies` counts further.
        """
        return (await self._read(ITEMS_MAX))[0]

    async def _read(self, limit: int) -> tuple[Sequence[Item], bool]:
        """The list, with so many of each kind at most; and whether there may be more."""
        now = self._clock.now()
        groups = await self._quarantine.groups(newest=QUARANTINED_MAX)
        cases = await self._store.waiting(CaseRow, limit=limit)
        opened = await self._store.open_commands(self._kinds(), before=Instant(now + 1), limit=limit)
        refunds = await self._store.waiting(RefundRow, limit=limit)
        found = [_quarantined(one) for one in groups]
        found += [_refused(one) for one in await self._refusals.bursts()]
        found += [_case(one) for one in cases]
        # Each try touches a command; how long nobody has known is told by when it was begun.
        unknown = (one for one in opened if one.state != PLANNED)
        found += [_outcome(one) for one in unknown if one.created_at < now - UNKNOWN_AFTER]
        found += [_refund(one) for one in refunds]
        found += await self._left()
        more = limit in (len(cases), len(opened), len(refunds))
        return sorted(found, key=lambda one: (-one.amount, one.since, one.about)), more

    async def _left(self) -> Sequence[Item]:
        """What the last pass over each connection has left, since the first of those that did."""
        runs = {
            kind: await self._store.runs(kind=kind, limit=RUNS_MAX)
            for kind in dict.fromkeys(one.kind for one in LEFT)
        }
        return [item for left in LEFT for item in self._left_by(runs[left.kind], left)]

    def _left_by(self, runs: Sequence[Run], left: Left) -> Sequence[Item]:
        found: dict[str, Item] = {}
        over: set[str] = set()
        for run in runs:
            if run.state != FINISHED or run.scope in over or run.scope not in self._connections:
                continue
            item, known = _left(run, left), found.get(run.scope)
            if item is None:
                over.add(run.scope)
            else:
                found[run.scope] = replace(known or item, since=item.since)
        return list(found.values())


def _quarantined(group: Group) -> Item:
    cause = group.cause
    chosen = ("--connection", cause.connection, "--type", cause.event_type, "--error", cause.error)
    return Item(
        "quarantine",
        group.examples[0],
        f"{cause.event_type}: {group.reason}",
        group.count,
        "",
        0,
        "",
        group.first_at,
        _command("webhooks", "retry", "--all", *chosen),
    )


def _refused(one: Refused) -> Item:
    return Item(
        "refused",
        one.connection,
        f"deliveries to {one.connection} were refused: {one.reason}",
        one.count,
        "",
        0,
        "",
        one.last_at,
        _command("doctor", "--ready"),
    )


def _case(row: CaseRow) -> Item:
    return Item(
        "case",
        row.key,
        f"{row.kind}: {row.detail}",
        1,
        customer_of(row.lane),
        row.amount,
        row.currency,
        row.opened_at,
        _command("cases", "show", row.key),
    )


def _outcome(command: Command) -> Item:
    return Item(
        "outcome",
        command.id,
        f"{command.kind} on {command.connection}: nobody knows whether it happened",
        1,
        customer_of(command.lane),
        0,
        "",
        command.created_at,
        _command("receipts", "show", command.id),
    )


def _refund(row: RefundRow) -> Item:
    customer = customer_of(row.lane)
    return Item(
        "refund",
        row.key,
        f"a refund of invoice {row.invoice} was {row.status}",
        1,
        customer,
        row.amount,
        row.currency,
        row.seen_at,
        _command("customers", "show", customer) if customer else _command("cases", "list"),
    )


def _left(run: Run, left: Left) -> Item | None:
    count = run.counts.get(left.counted, 0)
    if not count:
        return None
    told, command = left.says.format(run.scope), _command("reconcile", run.scope)
    return Item(left.name, run.scope, told, count, "", 0, "", run.updated_at, command)


def _command(*words: str) -> str:
    """A command line that can be pasted into a shell, whatever a provider has put into its words."""
    return shlex.join(("purchase", *words))
