"""Charts as inline SVG: text that a browser draws, and a screen reader reads. No script, nothing fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from purchase_core.values import Value

WIDTH = 720
LEFT, RIGHT, ROW, AXIS = 170, 60, 34, 26
HEIGHT = 220
WORDS = 225  # what a value and its interval take in words: "100.00 % (100.00 to 100.00)"
COLORS = ("#2f6fde", "#e07b1a", "#2a9d6f", "#b04ad6", "#c93a4b", "#5b6b7b", "#9c7a16", "#1a8fa3")


class Range(Value, frozen=True):
    """A value with an interval, under a name."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None


def whiskers(title: str, rows: Sequence[Range], *, unit: str = "%", scale: float = 100.0) -> str:
    """One row a value: a dot, its interval as a line, and both in words. The axis is as wide as they are."""
    ends = [end * scale for row in rows for end in (row.value, row.low, row.high) if end is not None] or [0.0]
    margin = (max(ends) - min(ends)) * 0.1 or abs(ends[0]) * 0.1 or 1.0
    low, high = min(ends) - margin, max(ends) + margin
    right = WIDTH - WORDS

    def x(value: float) -> float:
        return LEFT + (value - low) / (high - low) * (right - LEFT)

    bottom = len(rows) * ROW
    parts = [
        part
        for tick in (low + margin, (low + high) / 2, high - margin)
        for part in (
            f'<line x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="0" y2="{bottom}" class="grid"/>',
            _text(x(tick), bottom + 18, f"{tick:.1f} {unit}", anchor="middle", css="quiet"),
        )
    ]
    for place, row in enumerate(rows):
        y = place * ROW + ROW / 2
        parts.append(_text(LEFT - 10, y + 4, row.name, anchor="end"))
        if row.value is None:
            parts.append(_text(right + 12, y + 4, "not known", css="quiet"))
            continue
        words = f"{row.value * scale:.2f} {unit}"
        if row.low is not None and row.high is not None:
            words += f" ({row.low * scale:.2f} to {row.high * scale:.2f})"
            parts.append(
                f'<line x1="{x(row.low * scale):.1f}" x2="{x(row.high * scale):.1f}" '
                f'y1="{y:.1f}" y2="{y:.1f}" class="interval"/>'
            )
        parts.append(f'<circle cx="{x(row.value * scale):.1f}" cy="{y:.1f}" r="5" fill="{COLORS[0]}"/>')
        parts.append(_text(right + 12, y + 4, words))
    return _svg(title, bottom + AXIS, parts)


def bars(title: str, rows: Sequence[tuple[str, Mapping[str, float]]], *, unit: str = "") -> str:
    """One stacked bar a row, each as wide as its total against the widest."""
    names = list(dict.fromkeys(name for _, parts in rows for name in parts))
    widest = max((sum(parts.values()) for _, parts in rows), default=0.0) or 1.0
    drawn: list[str] = []
    for place, (label, values) in enumerate(rows):
        y, x = place * ROW + 6, float(LEFT)
        drawn.append(_text(LEFT - 10, y + 16, label, anchor="end"))
        for name in names:
            value = values.get(name, 0.0)
            width = value / widest * (WIDTH - LEFT - RIGHT)
            told = f"<title>{escape(label)}, {escape(name)}: {value:,.1f}{unit}</title>"
            color = COLORS[names.index(name) % len(COLORS)]
            drawn.append(
                f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="22" fill="{color}">{told}</rect>'
            )
            x += width
        drawn.append(_text(x + 8, y + 16, f"{sum(values.values()):,.0f}{unit}"))
    return _svg(title, len(rows) * ROW, drawn) + legend(names)


def timeline(
    title: str,
    columns: Sequence[Mapping[str, float]],
    *,
    names: Sequence[str],
    marks: Sequence[tuple[float, float, str]] = (),
    labels: tuple[str, str] = ("", ""),
) -> str:
    """Stacked columns over time; `marks` are stretches of it (in columns) that are shaded and named."""
    highest = max((sum(one.values()) for one in columns), default=0.0) or 1.0
    width = (WIDTH - LEFT / 2 - RIGHT) / max(1, len(columns))
    left = LEFT / 2
    parts: list[str] = []
    for starts, ends, name in marks:
        x, wide = left + starts * width, (ends - starts) * width
        parts.append(f'<rect x="{x:.1f}" y="0" width="{wide:.1f}" height="{HEIGHT}" class="mark"/>')
        parts.append(_text(x + 4, 14, name, css="quiet"))
    for place, column in enumerate(columns):
        y = float(HEIGHT)
        for number, name in enumerate(names):
            high = column.get(name, 0.0) / highest * (HEIGHT - 24)
            y -= high
            color = COLORS[number % len(COLORS)]
            x = left + place * width
            told = f"<title>{escape(name)}: {column.get(name, 0.0):,.0f}</title>"
            parts.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(0.5, width - 1):.1f}" height="{high:.1f}" '
                f'fill="{color}">{told}</rect>'
            )
    parts.append(f'<line x1="{left}" x2="{WIDTH - RIGHT}" y1="{HEIGHT}" y2="{HEIGHT}" class="line"/>')
    parts.append(_text(left, HEIGHT + 18, labels[0], css="quiet"))
    parts.append(_text(WIDTH - RIGHT, HEIGHT + 18, labels[1], anchor="end", css="quiet"))
    parts.append(_text(left - 6, 30, f"{highest:,.0f}", anchor="end", css="quiet"))
    return _svg(title, HEIGHT + AXIS, parts) + legend(names)


def legend(names: Sequence[str]) -> str:
    """Which colour is which name."""
    items = "".join(
        f'<li><span style="background:{COLORS[place % len(COLORS)]}"></span>{escape(name)}</li>'
        for place, name in enumerate(names)
    )
    return f'<ul class="legend">{items}</ul>'


def _svg(title: str, height: float, parts: Sequence[str]) -> str:
    return (
        f"<figure><figcaption>{escape(title)}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">'
        f"{''.join(parts)}</svg></figure>"
    )


def _text(x: float, y: float, text: str, *, anchor: str = "start", css: str = "") -> str:
    kind = f' class="{css}"' if css else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}>{escape(text)}</text>'
