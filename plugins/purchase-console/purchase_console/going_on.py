"""Beginning runs, and going on with them: some of it before the browser is answered, and then its page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from urllib.parse import quote

from starlette.responses import Response

from purchase_core.operations.deeds import Deed
from purchase_core.operations.importing import IMPORT
from purchase_core.operations.rebuild import REBUILD
from purchase_core.operations.replay_runs import REPLAY
from purchase_core.records.run import Run

from .visit import Visit

PAGES_AT_ONCE = 3  # of a provider's list, each a call, before the browser is answered
PORTIONS_AT_ONCE = 5  # of deliveries or lanes, likewise
COMMANDS: Mapping[str, str] = {REPLAY: "replay", REBUILD: "rebuild", IMPORT: "import apply"}
"""What else than a pass over a provider can be gone on with, and the words of the command that does it."""


async def resumed(visit: Visit, run: Run) -> Run:
    """A run that is to go on. Raises NotFound, and WrongState where it cannot."""
    if run.kind == REPLAY:
        return await visit.billing.replay_runs.resumed(run.id)
    if run.kind == REBUILD:
        return await visit.billing.rebuild.resumed(run.id)
    if run.kind == IMPORT:
        return (await visit.billing.importing.resumed(run.id))[0]
    return await visit.billing.reconcile.resumed(run.id)


async def begin(visit: Visit, deed: Deed, start: Callable[[str], Awaitable[Run]]) -> Response:
    """Begin a run, noted as whose it is and why, do some of it, and show how far it has come.

    A form that is sent again begins no other.
    """
    begun: list[Run] = []

    async def work() -> Mapping[str, int]:
        begun.append(await start(f"{deed.by}: {deed.reason or 'console'}"))
        return {"begun": 1}

    done = await visit.billing.deeds.once(deed, work)
    return await go_on(visit, begun[0]) if begun else visit.go("/runs", done)


async def go_on(visit: Visit, run: Run) -> Response:
    """Do some of a run, and show how far it has come."""
    if run.kind not in COMMANDS:
        async for noted, _ in visit.billing.reconcile.run(run, pages_max=PAGES_AT_ONCE):
            run = noted
    else:
        portions = 0
        async for noted in _portions(visit, run):
            run, portions = noted, portions + 1
            if portions == PORTIONS_AT_ONCE:
                break
    return visit.go(f"/runs/{quote(run.id, safe='')}")


async def _portions(visit: Visit, run: Run) -> AsyncIterator[Run]:
    if run.kind == REPLAY:
        async for noted, _ in visit.billing.replay_runs.run(run):
            yield noted
    elif run.kind == IMPORT:
        importing = visit.billing.importing
        async for noted, _ in importing.run(run, await importing.plan_of(run)):
            yield noted
    else:
        async for noted, _ in visit.billing.rebuild.run(run):
            yield noted
