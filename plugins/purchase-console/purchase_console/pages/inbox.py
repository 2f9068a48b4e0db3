"""The inbox: what arrived from providers, and how far it got."""

from __future__ import annotations

from starlette.responses import Response

from purchase_console.page import Page, View
from purchase_console.visit import Visit
from purchase_core.records.delivery import DONE, IGNORED, PENDING, QUARANTINED

ROWS = 50
STATES = (PENDING, DONE, IGNORED, QUARANTINED)


async def show(visit: Visit) -> Response:
    """Deliveries, newest first."""
    state = visit.query("state")
    found = await visit.billing.webhooks.list(
        state=state if state in STATES else "", before_id=visit.query("before"), limit=ROWS
    )
    return visit.page("inbox.html", deliveries=found, state=state, states=STATES, full=len(found) == ROWS)


async def one(visit: Visit) -> Response:
    """One delivery, without its body."""
    return visit.page("delivery.html", delivery=await visit.billing.webhooks.show(visit.part("id")))


PAGE = Page("inbox", "Inbox", views=(View("", show), View("/{id}", one)), key="i")
