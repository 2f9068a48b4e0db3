"""Figures: medians of several rounds, and ratios taken pair by pair within a round."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def spread(values: Sequence[float]) -> str:
    """The least and the greatest, so that noise shows."""
    return (
        f"{min(values):.2f}..{max(values):.2f}"
        if max(values) < 1_000
        else f"{min(values):,.0f}..{max(values):,.0f}"
    )


def ratio_row(what: str, ours: Sequence[float], raw: Sequence[float], unit: str, goal: str) -> str:
    """A row: our rate, the raw limit's, and the ratio of each round (rates: more is better)."""
    ratios = [a / b for a, b in zip(ours, raw, strict=True)]
    return (
        f"| {what} | {median(ours):,.0f} {unit} | {median(raw):,.0f} {unit} "
        f"| {100 * median(ratios):.0f} % ({100 * min(ratios):.0f}..{100 * max(ratios):.0f}) | {goal} |"
    )


RATIO_HEAD = "| what | Purchase | raw limit | ratio (range) | goal |\n|---|---|---|---|---|"
