"""A report as one HTML page: how pages look, and tables. No script, nothing fetched, light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

STYLE = """
:root { color-scheme: light dark; --text: #1b2430; --quiet: #5d6b7a; --line: #c3ccd5; --mark: #f2dede;
  --paper: #ffffff; --card: #f5f7f9; --good: #1d7a4f; --bad: #b3261e; --accent: #2f6fde; }
@media (prefers-color-scheme: dark) { :root { --text: #e6ebf0; --quiet: #9fb0c0; --line: #46525f;
  --mark: #4a2a2e; --paper: #14191f; --card: #1d242c; --good: #6fd3a3; --bad: #ff9b93; --accent: #8ab4ff; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--paper); }
body { max-width: 56rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .5rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
figure { margin: 1rem 0 0; } figcaption { font-weight: 600; margin-bottom: .4rem; }
svg { width: 100%; height: auto; } svg text { font-size: 13px; fill: var(--text); }
svg .quiet { fill: var(--quiet); } svg .line { stroke: var(--line); stroke-width: 2; }
svg .grid { stroke: var(--line); stroke-width: 1; stroke-dasharray: 2 4; }
svg .interval { stroke: var(--accent); stroke-width: 3; }
svg .mark { fill: var(--mark); }
.legend { list-style: none; padding: 0; display: flex; gap: 1rem; flex-wrap: wrap; }
.legend span { display: inline-block; width: .8em; height: .8em; margin-right: .4em; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: .3rem .8rem .3rem 0; vertical-align: top; }
tr + tr td, tr + tr th { border-top: 1px solid var(--line); }
.quiet { color: var(--quiet); } .good { color: var(--good); } .bad { color: var(--bad); }
code { font-family: ui-monospace, monospace; font-size: .9em; overflow-wrap: anywhere; }
"""

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>{style}</style></head><body>
<h1>{title}</h1>
{body}
</body></html>
"""


def page(title: str, body: Sequence[str], *, style: str = "") -> str:
    """A page of parts that are HTML already; the title is text."""
    return _PAGE.format(title=escape(title), body="\n".join(body), style=STYLE + style)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of texts; without a head, the first cell of each row is what it is about."""
    if any(head):
        heads = "".join(f'<th scope="col">{escape(one)}</th>' for one in head)
        lines = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
        return f'<div class="wide"><table><tr>{heads}</tr>{lines}</table></div>'
    return pairs([(row[0], escape(" ".join(row[1:]))) for row in rows])


def pairs(rows: Sequence[tuple[str, str]]) -> str:
    """A table of names and what they are, the latter as HTML."""
    lines = "".join(f'<tr><th scope="row">{escape(name)}</th><td>{what}</td></tr>' for name, what in rows)
    return f'<div class="wide"><table>{lines}</table></div>'
