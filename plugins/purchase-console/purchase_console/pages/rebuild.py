"""Rebuild: whose rows are not as their facts say; and then exchanging them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from starlette.responses import Response

from purchase_console.going_on import PORTIONS_AT_ONCE, go_on
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
    deed = visit.deed("rebuild", "all", reasoned=True)
    begun: list[Run] = []

    async def work() -> Mapping[str, int]:
        begun.append(await visit.billing.rebuild.start(note=f"{deed.by}: {deed.reason}"))
        return {"begun": 1}

    run = await visit.billing.deeds.once(deed, work)
    return await go_on(visit, begun[0]) if begun else visit.go("/runs", run)


PAGE = Page(
    "rebuild",
    "",
    views=(),
    actions=(Action("", show, Role.REPLAY), Action("/exchange", exchange, Role.REPLAY)),
)
