"""Reports as one HTML page each: what a backtest and a simulation came to, for a person to look at."""

from __future__ import annotations

from html import escape

from purchase_core.routing.backtest import Backtest
from purchase_core.routing.charts import Range, bars, timeline, whiskers
from purchase_core.routing.estimate import Estimate
from purchase_core.routing.experiment import Arm, Experiment
from purchase_core.routing.page import page, table
from purchase_core.routing.simulation import Simulated

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
        table(("", ""), summary),
        shares,
        success,
        cost,
        f"<p>Change in success: {words(found.success_change)}.",
        f"Change in cost: {words(found.cost_change)}.</p>",
        "<h2>Some that would go elsewhere</h2>",
        table(("receipt", "offer", "country", "went to", "would go to"), rows),
        f'<p class="quiet">{escape(METHOD)}</p>',
    ]
    return page("Backtest of a routing policy", body)


def experiment_page(found: Experiment, *, since: str) -> str:
    """The page of an experiment: arms with their intervals, and the shadow beside them."""
    summary = [
        ("checkouts since " + since, f"{found.checkouts:,}"),
        ("in which chance had no say", f"{found.excluded:,}"),
        ("too young to have an outcome", f"{found.censored:,}"),
    ]
    rows = [
        [
            one.connection,
            f"{one.dealt:,}",
            f"{one.paid:,} of {one.finished:,}",
            words(one.change) if place else "",
            f"{one.refunded:,}",
            f"{one.disputed:,}",
            guarded(one),
        ]
        for place, one in enumerate(found.arms)
    ]
    heads = ("arm", "dealt", "paid", "against the first", "refunded", "disputed", "guardrail")
    body = [table(("", ""), summary)]
    if found.arms:
        body += [
            whiskers(
                "Paid within the horizon, by arm", [_range(one.connection, one.rate) for one in found.arms]
            ),
            table(heads, rows),
        ]
    if found.shadow:
        shadow = found.shadow
        parts = {
            "agrees": float(shadow.agreed),
            "differs": float(shadow.differed),
            "fails": float(shadow.failed),
        }
        body += [
            "<h2>The policy beside it</h2>",
            bars("What the shadow would have chosen", [("checkouts", parts)]),
            table(("goes to", "would go to", "checkouts"),
                  [[one.live, one.shadow, f"{one.count:,}"] for one in shadow.pairs]),
        ]  # fmt: skip
    return page("A routing policy at work", body)


def guarded(arm: Arm) -> str:
    """What the guardrail did about an arm."""
    if not arm.stopped:
        return "not needed"
    return f"{'stops it' if arm.stopped_now else 'let it in again'} ({arm.stopped:,} decisions)"


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
        table(("connection", "opened", "paid", "success", "met an outage"), rows),
    ]
    return page("A routing policy under traffic and outages", body)


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
