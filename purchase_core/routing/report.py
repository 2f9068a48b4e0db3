"""Reports as one HTML page each: what a backtest and a simulation came to, for a person to look at."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from purchase_core.routing.backtest import Backtest
from purchase_core.routing.charts import Range, bars, timeline, whiskers
from purchase_core.routing.estimate import Estimate
from purchase_core.routing.simulation import Simulated

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
:root {{ color-scheme: light dark; --text: #1b2430; --quiet: #5d6b7a; --line: #9aa7b5; --mark: #f2dede; }}
@media (prefers-color-scheme: dark) {{ :root {{ --text: #e6ebf0; --quiet: #9fb0c0; --mark: #4a2a2e; }} }}
body {{ font: 16px/1.5 system-ui, sans-serif; color: var(--text); }}
body {{ max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; }} h2 {{ font-size: 1.15rem; margin-top: 2rem; }}
figure {{ margin: 1rem 0 0; }} figcaption {{ font-weight: 600; margin-bottom: .4rem; }}
svg {{ width: 100%; height: auto; }} svg text {{ font-size: 13px; fill: var(--text); }}
svg .quiet {{ fill: var(--quiet); }} svg .line {{ stroke: var(--line); stroke-width: 2; }}
svg .mark {{ fill: var(--mark); }}
.legend {{ list-style: none; padding: 0; display: flex; gap: 1rem; flex-wrap: wrap; }}
.legend span {{ display: inline-block; width: .8em; height: .8em; margin-right: .4em; }}
table {{ border-collapse: collapse; width: 100%; }}
td, th {{ text-align: left; padding: .25rem .5rem .25rem 0; }}
tr + tr td {{ border-top: 1px solid var(--line); }} .quiet {{ color: var(--quiet); }}
</style></head><body>
<h1>{title}</h1>
{body}
</body></html>
"""

METHOD = (
    "The estimates weigh each recorded checkout by how likely the new policy would have sent it where it "
    "went, over how likely it was to go there (self-normalised inverse propensity, 95 % intervals by the "
    "delta method). "
    "They hold if the recorded probabilities do, and if checkouts do not influence each other. Where the "
    "recorded policy never sent anything, the outcome is unknown, and is not guessed."
)


def backtest_page(found: Backtest, *, since: str) -> str:
    """The page of a backtest."""
    summary = [
        ("policy", found.policy),
        ("checkouts since " + since, f"{found.checkouts:,}"),
        ("would go where they went", f"{found.same:,}"),
        ("would go elsewhere", f"{found.differ:,}, of which nowhere: {found.nowhere:,}"),
        ("too young to have an outcome", f"{found.censored:,}"),
        ("outcome unknown under the new policy", f"{found.unknown:,}"),
        ("evidence is worth", f"{found.success.effective:,.0f} checkouts"),
    ]
    shares = bars(
        "Checkouts by connection",
        [
            ("recorded", {one.connection: float(one.was) for one in found.parts}),
            ("new policy, expected", {one.connection: one.would for one in found.parts}),
        ],
    )
    success = whiskers(
        "Paid within the horizon",
        [
            _range("recorded", found.success_was),
            _range("new policy", found.success),
            *(_range(f"seen on {one.connection}", one.success) for one in found.parts),
        ],
    )
    cost = whiskers(
        "Cost, as part of the price", [_range("recorded", found.cost_was), _range("new policy", found.cost)]
    )
    rows = [
        [one.receipt, one.offer, one.country, one.was, one.would or "nowhere"] for one in found.differences
    ]
    body = [
        _table(("", ""), summary),
        shares,
        success,
        cost,
        f"<p>Change in success: {words(found.success_change)}.",
        f"Change in cost: {words(found.cost_change)}.</p>",
        "<h2>Some that would go elsewhere</h2>",
        _table(("receipt", "offer", "country", "went to", "would go to"), rows),
        f'<p class="quiet">{escape(METHOD)}</p>',
    ]
    return PAGE.format(title="Backtest of a routing policy", body="\n".join(body))


def simulation_page(found: Simulated) -> str:
    """The page of a simulation."""
    per = found.slice_minutes
    end = f"minute {len(found.slices) * per}"
    marks = [(one.starts / per, one.ends / per, f"{one.connection} down") for one in found.outages]
    opened, paid, tried = (found.total(part) for part in ("opened", "paid", "tried"))
    rows = [
        [name, f"{opened[name]:,}", f"{paid[name]:,}", _percent(paid[name], opened[name]), f"{tried[name]:,}"]
        for name in found.connections
    ]
    went = timeline(
        "Checkouts opened, by connection",
        [dict(one.opened) for one in found.slices],
        names=found.connections,
        marks=marks,
        labels=("minute 0", end),
    )
    trouble = timeline(
        "Checkouts that failed over, and that found no way",
        [{"failed over": one.failed_over, "no way": one.nowhere} for one in found.slices],
        names=("failed over", "no way"),
        marks=marks,
        labels=("minute 0", end),
    )
    lost = sum(one.nowhere for one in found.slices)
    moved = sum(one.failed_over for one in found.slices)
    body = [
        f"<p>Policy {escape(found.policy)}, seed {found.seed}:",
        f"{moved:,} failed over, {lost:,} found no way.</p>",
        went,
        trouble,
        _table(("connection", "opened", "paid", "success", "met an outage"), rows),
    ]
    return PAGE.format(title="A routing policy under traffic and outages", body="\n".join(body))


def words(one: Estimate, *, scale: float = 100.0, unit: str = "percentage points") -> str:
    """An estimate in words, with its interval; what is not known is called that."""
    if one.mean is None:
        return "not known"
    if one.low is None or one.high is None:
        return f"{one.mean * scale:+.2f} {unit} (no interval: too few)"
    return f"{one.mean * scale:+.2f} {unit} ({one.low * scale:+.2f} to {one.high * scale:+.2f})"


def _range(name: str, one: Estimate) -> Range:
    return Range(name, one.mean, one.low, one.high)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    heads = "".join(f"<th>{escape(one)}</th>" for one in head) if any(head) else ""
    lines = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{heads}</tr>{lines}</table>" if heads else f"<table>{lines}</table>"
