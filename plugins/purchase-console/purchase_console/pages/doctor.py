"""The doctor: what is wrong, and which command mends it; as much of it as a page can wait for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import attrs
from starlette.responses import Response

from purchase_console.page import Page, View
from purchase_console.visit import Visit
from purchase_core.operations import readiness
from purchase_core.operations.alerts import firing
from purchase_core.records.finding import LEVELS, Finding

COUNTED_ROWS_MAX = 5_000  # of each sort: alerts ask whether anything waits, and for how long
FACTS_MAX = 20_000
FINDINGS_MAX = 200
READY, PROVIDERS, DATABASE, TRUTH = "", "providers", "database", "truth"
TITLES = {
    READY: "Here",
    PROVIDERS: "At the providers",
    DATABASE: "The database",
    TRUTH: "What is stored",
}


@attrs.define
class Examined:
    """What was found. `facts` were looked at; `all`: there are no more."""

    findings: list[Finding] = attrs.Factory(list)
    facts: int = 0
    all: bool = True


async def show(visit: Visit) -> Response:
    """What is wrong here; at the providers, or in what is stored, if that is asked for."""
    asked = visit.query("look")
    look = asked if asked in TITLES else READY
    found = await LOOKING[look](visit)
    found.findings.sort(key=lambda one: -LEVELS.index(one.level))
    return visit.page(
        "doctor.html",
        titles=TITLES,
        look=look,
        found=found,
        shown=found.findings[:FINDINGS_MAX],
        alerts=firing(await visit.billing.metrics.read(rows_max=COUNTED_ROWS_MAX)),
    )


PAGE = Page("doctor", "Doctor", views=(View("", show),), key="h")


async def _ready(visit: Visit) -> Examined:
    billing = visit.billing
    found = readiness.tables(await billing.store.schema())
    found += [one async for one in readiness.waiting(billing.store, billing.clock)]
    found += [one async for one in readiness.refused(billing.webhooks.refusal_log)]
    return Examined([*found, *await billing.examined_by_plugins()])


async def _providers(visit: Visit) -> Examined:
    found = Examined()
    for provider in visit.billing.connections.values():
        found.findings += await readiness.connected(provider, "", visit.billing.clock)
    return found


async def _database(visit: Visit) -> Examined:
    """What the store says of its database: some read all of it."""
    return Examined([*await visit.billing.store.examine()])


async def _truth(visit: Visit) -> Examined:
    found = Examined()
    async for facts, findings in visit.billing.truth.examine():
        found.facts += facts
        found.findings += findings
        if found.facts >= FACTS_MAX:
            found.all = False
            break
    return found


LOOKING: Mapping[str, Callable[[Visit], Awaitable[Examined]]] = {
    READY: _ready,
    PROVIDERS: _providers,
    DATABASE: _database,
    TRUTH: _truth,
}
