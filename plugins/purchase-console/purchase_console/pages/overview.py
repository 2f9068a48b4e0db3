"""The overview: health at a glance, and what waits for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial

import attrs
from markupsafe import Markup
from starlette.responses import Response

from purchase_console.charts import bar, columns
from purchase_console.glance import Glance, glance
from purchase_console.page import Page, View
from purchase_console.rendering import time_of
from purchase_console.visit import Visit
from purchase_core.instants import Instant
from purchase_core.money import money_of
from purchase_core.operations.attention import Item
from purchase_core.operations.passes import CUSTOMERS, HELD
from purchase_core.records.delivery import DONE, IGNORED, PENDING, QUARANTINED

ITEMS_SHOWN = 12
CAUSES_SHOWN = 6
TONES = {DONE: "good", IGNORED: "quiet", PENDING: "waits", QUARANTINED: "bad"}
PLACES = {
    "quarantine": "/quarantine",
    "refused": "/doctor",
    "case": "/cases/case?case={}",
    "vanished": f"/runs?kind={HELD}",
    "link": f"/runs?kind={CUSTOMERS}",
    "gone": f"/runs?kind={CUSTOMERS}",
}


@attrs.frozen
class Share:
    """A line with a bar: what it is of, in words, and the bar."""

    name: str
    told: str
    bar: Markup


async def show(visit: Visit) -> Response:
    """How it stands, and what waits."""
    return visit.page("overview.html", **await _found(visit))


async def now(visit: Visit) -> Response:
    """The same, without the page around it: the page asks for it from time to time."""
    return visit.page("standing.html", **await _found(visit))


async def _found(visit: Visit) -> dict[str, object]:
    found = await glance(visit.billing)
    waits = await visit.billing.attention.lately()
    return {
        "glance": found,
        "items": waits.items[:ITEMS_SHOWN],
        "items_count": len(waits.items),
        "more": waits.more,
        "asked_at": waits.at,
        "money_in": partial(_money_in, found),
        "inflow": _inflow(found),
        "arrived": Counter(one.state for one in found.inflow for _ in range(one.count)),
        "tones": TONES,
        "failures": _failures(found),
        "routes": _routes(found),
        "place_of": place_of,
    }


def place_of(item: Item) -> str:
    """Where in the console it goes on; "" where that is the command line."""
    return PLACES.get(item.kind, "").format(item.about)


def _money_in(found: Glance, of: str) -> str:
    """The money that is about, a sum for each currency."""
    sums: Counter[str] = Counter()
    for one in found.tallies:
        if one.of == of and one.amount:
            sums[one.by[-1]] += one.amount
    return ", ".join(money_of(amount, currency) for currency, amount in sorted(sums.items()))


def _inflow(found: Glance) -> Markup:
    begins = [
        Instant(at) for at in range(found.since - found.since % found.stretch, found.at + 1, found.stretch)
    ]
    counts: dict[tuple[Instant, str], int] = Counter()
    for one in found.inflow:
        counts[one.at, one.state] += one.count
    drawn = [[counts[at, state] for state in TONES] for at in begins]
    said = [
        f"{time_of(at)}: "
        + ", ".join(f"{count:,} {state}" for state, count in zip(TONES, one, strict=True) if count)
        for at, one in zip(begins, drawn, strict=True)
    ]
    return columns("Deliveries by when they arrived", drawn, list(TONES.values()), said)


def _failures(found: Glance) -> Sequence[Share]:
    most = max((one.count for one in found.failures), default=1)
    return [
        Share(f"{event_type} · {error}", f"{one.count:,}", bar(error, [("bad", one.count / most)]))
        for one in found.failures[:CAUSES_SHOWN]
        for _, event_type, error in [one.by]
    ]


def _routes(found: Glance) -> Sequence[Share]:
    total = sum(placed for placed, _ in found.routes.values()) or 1
    return [
        Share(
            name,
            f"{placed / total:.0%}: {placed:,} placed, {settled:,} paid",
            bar(
                f"{name}: {placed:,} of {total:,}",
                [("good", settled / total), ("waits", (placed - settled) / total)],
            ),
        )
        for name, (placed, settled) in found.routes.items()
    ]


PAGE = Page("", "Overview", views=(View("", show), View("/now", now)), key="o")
