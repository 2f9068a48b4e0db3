"""Runs: what operations did and are doing; and what a reconciliation would come to."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from purchase_console.going_on import COMMANDS, PAGES_AT_ONCE, begin, go_on, resumed
from purchase_console.page import Action, Page, View
from purchase_console.visit import Visit
from purchase_core.console import Role
from purchase_core.errors import InvalidArgument, NotFound
from purchase_core.operations.passes import CUSTOMERS, EVENTS, HELD, OBJECTS, Found
from purchase_core.records.run import RUNNING, Run

ROWS = 50
PASSES: Mapping[str, str] = {
    EVENTS: "events",
    OBJECTS: "objects",
    CUSTOMERS: "customers",
    HELD: "live subscriptions",
}
"""What a pass over a provider goes through."""


async def show(visit: Visit) -> Response:
    """Runs, newest first."""
    kind = visit.query("kind")
    found = await visit.billing.store.runs(kind=kind, before_id=visit.query("before"), limit=ROWS)
    return visit.page(
        "runs.html",
        runs=found,
        kind=kind,
        more=found[-1].id if len(found) == ROWS else "",
        connections=sorted(visit.billing.connections),
        passes={name: visit.billing.reconcile.passes(name) for name in sorted(visit.billing.connections)},
        words=PASSES,
    )


async def one(visit: Visit) -> Response:
    """One run, and how far it has come."""
    run = await _run(visit)
    return visit.page("run.html", run=run, running=run.state == RUNNING, command=_command(run))


async def reconcile(visit: Visit) -> Response:
    """Compare what a provider says with what is known, some pages of it. Nothing is noted, nothing mended."""
    connection, kind = visit.field("connection"), _pass(visit)
    run = await visit.billing.reconcile.start(connection, kind, repair=False)
    found: list[Found] = []
    async for noted, some in visit.billing.reconcile.run(run, pages_max=PAGES_AT_ONCE):
        run, found = noted, [*found, *some]
    return visit.page(
        "reconciled.html",
        run=run,
        found=found,
        connection=connection,
        kind=kind,
        word=PASSES[kind],
        only_noted=kind == HELD,
    )


async def repair(visit: Visit) -> Response:
    """Begin to record what a provider says. A worker goes on with it."""
    connection, kind = visit.field("connection"), _pass(visit)

    async def start(note: str) -> Run:
        return await visit.billing.reconcile.start(connection, kind, repair=True, note=note)

    return await begin(visit, visit.deed("reconcile", f"{connection} {kind}"), start)


async def more(visit: Visit) -> Response:
    """Do some more of a run that was begun."""
    return await go_on(visit, await resumed(visit, await _run(visit)))


PAGE = Page(
    "runs",
    "Runs",
    views=(View("", show), View("/{id}", one)),
    actions=(
        Action("/reconcile", reconcile, Role.REPLAY),
        Action("/repair", repair, Role.REPLAY),
        Action("/{id}/go-on", more, Role.REPLAY),
    ),
    key="u",
)


def _pass(visit: Visit) -> str:
    kind = visit.field("kind")
    if kind not in PASSES:
        raise InvalidArgument("that is no pass over a provider")
    return kind


def _command(run: Run) -> str:
    """The command that goes on with a run of this kind; "" where none can."""
    return COMMANDS.get(run.kind, "reconcile" if run.kind in PASSES else "")


async def _run(visit: Visit) -> Run:
    found = await visit.billing.store.run(visit.part("id"))
    if found is None:
        raise NotFound(f"no run {visit.part('id')!r}")
    return found
