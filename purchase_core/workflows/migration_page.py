"""The page of a migration: how far it is, and where each customer stands."""

from __future__ import annotations

from purchase_core.instants import Instant, to_datetime
from purchase_core.routing.charts import bars
from purchase_core.routing.page import page, pairs, table
from purchase_core.workflows.migrations import Status

ROWS_MAX = 500
ORDER = (
    "both", "recorded", "ending", "offered", "switched", "guarded", "done",
    "undoing", "watched", "undone", "left",
)  # fmt: skip


def migration_page(found: Status) -> str:
    """Counts by phase as a bar, and a row a move; what somebody has to look at comes first."""
    settings = found.settings
    phases = {name: float(found.phases[name]) for name in ORDER if name in found.phases}
    moves = sorted(found.moves, key=lambda one: (ORDER.index(one.phase), one.ends, one.customer))
    rows = [
        (one.customer, one.phase, _day(one.ends), _day(one.undo_at), one.reason) for one in moves[:ROWS_MAX]
    ]
    shown = "" if len(moves) <= ROWS_MAX else f"<p>The first {ROWS_MAX:,} of {len(moves):,}.</p>"
    about = [
        ("of the customers", f"{settings.percent} %"),
        ("stopped", settings.halt.value or "no"),
        ("moves", f"{len(moves):,}"),
    ]
    body = [
        pairs(about),
        bars("Moves by phase", [("moves", phases)]) if phases else "<p>Nobody is being moved yet.</p>",
        "<h2>Moves</h2>",
        table(("customer", "phase", "paid until", "undone if not accepted by", "why"), rows),
        shown,
    ]
    return page(f"From {settings.old} to {settings.new}", body)


def _day(at: Instant) -> str:
    return to_datetime(at).strftime("%Y-%m-%d %H:%M UTC")
