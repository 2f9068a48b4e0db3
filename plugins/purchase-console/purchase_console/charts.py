"""Small charts as inline SVG: drawn by classes alone, so that no style is needed; text stands beside them."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

WIDTH, HEIGHT = 480, 80
GAP = 2


def columns(title: str, counts: Sequence[Sequence[int]], tones: Sequence[str], said: Sequence[str]) -> Markup:
    """Stacked columns over time: one a stretch, of one count a tone, from the bottom up; `said` says each."""
    highest = max((sum(one) for one in counts), default=0) or 1
    width = WIDTH / max(1, len(counts))
    drawn = Markup()
    for place, column in enumerate(counts):
        y, x = float(HEIGHT), place * width
        parts = Markup()
        for tone, count in zip(tones, column, strict=True):
            high = max(count / highest * HEIGHT, 1.5) if count else 0.0
            y -= high
            if count:
                parts += Markup(
                    '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>'
                ).format(tone, x + GAP / 2, y, width - GAP, high)
        if parts:
            drawn += Markup("<g><title>{}</title>{}</g>").format(said[place], parts)
    return Markup(
        '<svg class="columns" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<line class="floor" x1="0" x2="{}" y1="{}" y2="{}"/>{}</svg>'
    ).format(WIDTH, HEIGHT, title, WIDTH, HEIGHT, HEIGHT, drawn)


def bar(title: str, parts: Sequence[tuple[str, float]]) -> Markup:
    """One bar across, of parts (tone, share of the whole)."""
    drawn, x = Markup(), 0.0
    for tone, share in parts:
        width = WIDTH * share
        drawn += Markup('<rect class="{}" x="{:.1f}" y="0" width="{:.1f}" height="10"/>').format(
            tone, x, width
        )
        x += width
    return Markup(
        '<svg class="bar" viewBox="0 0 {} 10" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<rect class="ground" width="{}" height="10"/>{}</svg>'
    ).format(WIDTH, title, WIDTH, drawn)
