"""Rebuild: whose rows are not as their facts say; and then exchanging them."""

from __future__ import annotations

from collections import Counter

from starlette.responses import Response

from purchase_console.going_on import PORTIONS_AT_ONCE, begin
from purchase_console.page import Action, Page
from purchase_console.visit import Visit
from purchase_core.console import Role
from purchase_core.operations.rebuild import Cursor, Rebuilt
from purchase_core.records.run import Run

SHOWN_MAX = 200
DIFFERENCES_SHOWN_MAX = 20


async def show(visit: Visit) -> Response:
    """Rebuild some lanes beside what is stored, and show what differs. Writes nothing."""
    counts: Counter[str] = Counter()
    changed: list[Rebuilt] = []
    place, portions, more = Cursor(visit.field("after", needed=False)), 0, False
    async for reached, done in visit.billing.rebuild.shadow(place):
        place = reached
        counts.update(one.status for one in done)
        changed += [one for one in done if one.differences]
        portions += 1
        if portions == PORTIONS_AT_ONCE:
            more = True
            break
    return visit.page(
        "rebuilt.html",
        counts=counts,
        changed=changed[:SHOWN_MAX],
        found=len(changed),
        listed=DIFFERENCES_SHOWN_MAX,
        rebuilt=place.rebuilt,
        more=place.after if more else "",
    )


async def exchange(visit: Visit) -> Response:
    """Exchange every row that is not as its facts say, of every customer."""

    async def start(note: str) -> Run:
        return await visit.billing.rebuild.start(note=note)

    return await begin(visit, visit.deed("rebuild", "all", reasoned=True), start)


PAGE = Page(
    "rebuild",
    "",
    views=(),
    actions=(Action("", show, Role.REPLAY), Action("/exchange", exchange, Role.REPLAY)),
)
