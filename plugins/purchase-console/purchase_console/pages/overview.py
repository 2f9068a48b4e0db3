"""The overview: health at a glance, and what waits for a person."""

from __future__ import annotations

from starlette.responses import Response

from purchase_console.page import Page, View
from purchase_console.visit import Visit


async def show(visit: Visit) -> Response:
    """What waits, money first."""
    return visit.page("overview.html", items=await visit.billing.attention.list())


PAGE = Page("", "Overview", views=(View("", show),), key="o")
