"""Routing: where checkouts went and why, and whether deciding again comes to the same."""

from __future__ import annotations

from markupsafe import Markup
from starlette.responses import Response

from purchase_console.page import Page, View
from purchase_console.visit import Visit
from purchase_core.errors import InvalidArgument
from purchase_core.instants import Instant
from purchase_core.routing.decision_page import DECISION_STYLE, decision_section

ROWS = 25
EVER = Instant(0)
INSTANT_DIGITS_MAX = 18


async def show(visit: Visit) -> Response:
    """Decisions, newest first, a page at a time."""
    billing, before = visit.billing, _before(visit)
    rows = await billing.store.intents_since(EVER, before=before, limit=ROWS)
    outcomes = [await billing.routing.outcome(row) for row in rows]
    return visit.page(
        "routing.html",
        decisions=[one for one in outcomes if one is not None],
        router=billing.routing.router,
        older=before is not None,
        last=rows[-1] if len(rows) == ROWS else None,
    )


async def one(visit: Visit) -> Response:
    """One decision, step by step, run again."""
    receipt = await visit.billing.receipts.get(visit.part("id"))
    verified = await visit.billing.routing.verify(receipt.id)
    section = decision_section(
        verified.recorded, receipt=receipt.id, connection=receipt.connection, stages=receipt.stages
    )
    # Made by code that escapes all that it is given.
    return visit.page("decision.html", receipt=receipt, verified=verified, section=Markup(section))  # noqa: S704


async def style(_visit: Visit) -> Response:
    """How a decision looks."""
    return Response(DECISION_STYLE, media_type="text/css", headers={"X-Content-Type-Options": "nosniff"})


PAGE = Page(
    "routing",
    "Routing",
    views=(View("", show), View("/decision.css", style), View("/{id}", one)),
    key="d",
)


def _before(visit: Visit) -> tuple[Instant, str] | None:
    """The last row of the page before; None: from the newest on."""
    at, key = visit.query("at"), visit.query("key")
    if not at and not key:
        return None
    if not at.isascii() or not at.isdigit() or len(at) > INSTANT_DIGITS_MAX:
        raise InvalidArgument("that is no place in this list")
    return Instant(int(at)), key
