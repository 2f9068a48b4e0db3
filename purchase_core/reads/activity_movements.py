"""Movements in words: what was spent, reserved, used or adjusted; many of one kind in a row as one."""

from __future__ import annotations

from collections.abc import Sequence

from purchase_core.records.movement import (
    FACTS,
    GRANTED,
    HELD,
    LAPSE,
    MOVED_IN,
    MOVED_OUT,
    SPENT,
    USED,
    Movement,
)

UNTOLD = (FACTS, MOVED_IN, MOVED_OUT)  # payments, refunds and merges are told where they come from
RESERVATIONS = ("reserve", "settle", "release", LAPSE)
BY_HAND = ("grant", "adjust")  # each has a reason of its own


def is_told(one: Movement) -> bool:
    """Whether a timeline tells of it."""
    return one.kind not in UNTOLD


def go_together(one: Movement, next_: Movement) -> bool:
    """Whether the next one is told in one breath with it."""
    together = one.kind == next_.kind or (one.kind in RESERVATIONS and next_.kind in RESERVATIONS)
    return together and one.kind not in BY_HAND and one.unit == next_.unit


def told(movements: Sequence[Movement]) -> str:
    """What these amount to."""
    by_kind: dict[str, list[Movement]] = {}
    for one in movements:
        by_kind.setdefault(one.kind, []).append(one)
    return "; ".join(_told(kind, some) for kind, some in by_kind.items())


def _told(kind: str, movements: Sequence[Movement]) -> str:
    unit = movements[0].unit
    spent, held, used, given = (
        sum(leg.amount for one in movements for leg in one.legs if leg.account == account)
        for account in (SPENT, HELD, USED, GRANTED)
    )
    times = f", {len(movements)} times" if len(movements) > 1 else ""
    match kind:
        case "consume":
            return f"spent {spent} {unit}{times}"
        case "reserve":
            return f"reserved {held} {unit}{times}"
        case "settle":
            return f"settled {spent} of {-held} {unit} that were reserved{times}"
        case "use":
            return f"used {used} of {unit}{times}"
        case "grant" | "adjust":
            reason = f": {movements[0].reason}" if movements[0].reason else ""
            return f"{spent} {unit} were taken{reason}" if spent else f"was given {-given} {unit}{reason}"
        case _:
            over = "let go of" if kind == "release" else "did not settle in time"
            return f"{over} {-held} {unit} that were reserved{times}"
