"""The quarantine: what could not be worked off, by cause and code; all of one retried or given up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.responses import Response

from purchase_console.page import Action, Page, View
from purchase_console.visit import Visit
from purchase_core.console import Role
from purchase_core.operations.quarantine import Cause, Chosen, cause_of
from purchase_core.records.delivery import Delivery

GROUPED_ROWS = 2_000
AT_ONCE_MAX = 2_000


async def show(visit: Visit) -> Response:
    """The causes, the most frequent first."""
    groups = await visit.billing.quarantine.groups(newest=GROUPED_ROWS)
    full = sum(one.count for one in groups) == GROUPED_ROWS
    return visit.page("quarantine.html", groups=groups, full=full, done=await visit.done())


async def retry(visit: Visit) -> Response:
    """Have all of a cause tried again that were there when it was looked at."""
    cause = _cause(visit)
    deed = visit.deed("retry-cause", _told(cause))

    async def work() -> Mapping[str, int]:
        meant, left = await _seen(visit, cause, deed.seen)
        return {**(await visit.billing.quarantine.retry(meant, note=deed.by)).counts, "left": left}

    return visit.go("/quarantine", await visit.billing.deeds.once(deed, work))


async def discard(visit: Visit) -> Response:
    """Give all of a cause up that were there when it was looked at, for a reason."""
    cause = _cause(visit)
    deed = visit.deed("discard-cause", _told(cause), reasoned=True)

    async def work() -> Mapping[str, int]:
        meant, left = await _seen(visit, cause, deed.seen)
        run = await visit.billing.quarantine.discard(meant, by=deed.by, reason=deed.reason)
        return {**run.counts, "left": left}

    return visit.go("/quarantine", await visit.billing.deeds.once(deed, work))


def _cause(visit: Visit) -> Cause:
    return Cause(visit.field("connection"), visit.field("type"), visit.field("error"), visit.field("code"))


def _told(cause: Cause) -> str:
    return f"{cause.connection} {cause.event_type} {cause.error}"


async def _seen(visit: Visit, cause: Cause, newest: str) -> tuple[Sequence[Delivery], int]:
    """Those of a cause up to the newest that was seen, as many as are done at once; and how many are left."""
    chosen = Chosen(cause.connection, cause.event_type, cause.error, cause.code)
    found: list[Delivery] = []
    async for one in visit.billing.quarantine.each(chosen):
        if one.id <= newest and cause_of(one) == cause:
            found.append(one)
            if len(found) > AT_ONCE_MAX:
                break
    return found[:AT_ONCE_MAX], max(0, len(found) - AT_ONCE_MAX)


PAGE = Page(
    "quarantine",
    "Quarantine",
    views=(View("", show),),
    actions=(Action("/retry", retry, Role.REPLAY), Action("/discard", discard, Role.REPLAY)),
    key="q",
)
