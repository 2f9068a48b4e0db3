"""A routing decision as HTML: where a checkout goes and why, step by step, for a person to look at.

`decision_section` is a part of any page that brings `DECISION_STYLE`; `decision_page` is a page by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from purchase_core.instants import Instant, to_datetime
from purchase_core.money import Money
from purchase_core.ports.router import Candidate, RouteRequest, RoutingDecision, Verdict
from purchase_core.records.command import Stage
from purchase_core.routing.intervals import wilson
from purchase_core.routing.page import page, pairs, table

STEPS = {
    "eligibility": "Can it take this checkout at all?",
    "stickiness": "Is the customer at home somewhere?",
    "sameness": "Does the customer get what was shown?",
    "rules": "What do the policy's rules say?",
    "health": "Is it up?",
}
"""The steps that leave candidates out, in their order, and what each asks."""

REFUSED = {
    "no_candidate": "there is nobody to choose from",
    "none_fits": "nobody can take it",
    "all_unhealthy": "everybody who could take it is down",
}

DECISION_STYLE = """
.decision .where { font-size: 1.25rem; margin: .2rem 0 1rem; }
.decision .cards { display: grid; gap: .8rem; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); }
.decision .card { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; }
.decision .card { padding: .8rem 1rem; }
.decision .card.first { border-color: var(--accent); border-width: 2px; }
.decision .card h3 { margin: 0; font-size: 1.05rem; display: flex; justify-content: space-between; }
.decision .card p { margin: .3rem 0; }
.decision .chance { width: 100%; height: .5rem; accent-color: var(--accent); }
.decision dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem .8rem; margin: .5rem 0 0; }
.decision th .quiet { font-weight: 400; }
.decision dt { color: var(--quiet); } .decision dd { margin: 0; overflow-wrap: anywhere; }
"""


def decision_page(
    decision: RoutingDecision, *, receipt: str = "", connection: str = "", stages: Sequence[Stage] = ()
) -> str:
    """The page of a decision. Of a receipt: where the checkout is now, what happened, how to run it again."""
    title = "Where this checkout went" if receipt else "Where this checkout would go"
    section = decision_section(decision, receipt=receipt, connection=connection, stages=stages)
    return page(title, [section], style=DECISION_STYLE)


def decision_section(
    decision: RoutingDecision, *, receipt: str = "", connection: str = "", stages: Sequence[Stage] = ()
) -> str:
    """A decision as a part of a page, without the page around it."""
    request = decision.request
    parts = [
        f'<p class="where">{_where(decision, connection)}</p>',
        f"<p>{_wish(request)}</p>",
        f'<div class="cards">{"".join(_card(decision, one) for one in _in_order(decision))}</div>',
        "<h2>Step by step</h2>",
        _ladder(decision),
        "<h2>What it looked at</h2>",
        table(("", ""), _inputs(request)),
    ]
    if decision.troubles:
        rows = [(one.plugin, one.kind, one.detail) for one in decision.troubles]
        parts += ["<h2>Plugins that did not score as they should</h2>", table(("plugin", "what", ""), rows)]
    if stages:
        happened = [(_time(one.at), one.name, one.detail) for one in stages]
        parts += ["<h2>What happened then</h2>", table(("when", "what", ""), happened)]
    parts += ["<h2>How it can be checked</h2>", pairs(_proof(decision, receipt))]
    return f'<section class="decision">{"".join(parts)}</section>'


# --- the answer ----------------------------------------------------------------------------------


def _where(decision: RoutingDecision, now: str) -> str:
    if not decision.order:
        why = REFUSED.get(decision.refused, decision.refused)
        return f'It goes <strong class="bad">nowhere</strong>: {escape(why)}.'
    first, *others = (f"<strong>{escape(one)}</strong>" for one in decision.order)
    if now and now != decision.order[0]:
        then = f" first, and in the end to <strong>{escape(now)}</strong>"
    elif others:
        then = f", and to {', then '.join(others)} if nothing can come of that"
    else:
        then = ""
    rule = f" Rule <strong>{escape(decision.rule)}</strong> applies." if decision.rule else ""
    return f"{'It went' if now else 'It goes'} to {first}{then}.{rule}"


def _wish(request: RouteRequest) -> str:
    amount = str(Money.of_minor(request.unit_amount * request.quantity, request.currency))
    who = f"customer {request.customer}" if request.customer else "a guest"
    many = f" &times; {request.quantity}" if request.quantity > 1 else ""
    return f"<strong>{escape(request.offer)}</strong>{many} for {escape(amount)}, for {escape(who)}."


def _in_order(decision: RoutingDecision) -> list[Verdict]:
    places = {name: place for place, name in enumerate(decision.order)}
    return sorted(decision.verdicts, key=lambda one: places.get(one.connection, len(places)))


def _card(decision: RoutingDecision, one: Verdict) -> str:
    candidate = next((each for each in decision.candidates if each.connection == one.connection), None)
    first = decision.order[:1] == (one.connection,)
    place = f"{decision.order.index(one.connection) + 1}." if one.connection in decision.order else "-"
    if one.excluded:
        verdict = f'<p class="bad">{escape(one.step or "left out")}: {escape(one.excluded)}</p>'
    else:
        percent = 100 * one.propensity
        verdict = (
            f'<p class="good">can take it</p><p>first with a chance of {percent:.0f}&nbsp;%</p>'
            # A page may forbid styles within the text, so that the bar is one that browsers know.
            f'<progress class="chance" max="100" value="{percent:.1f}"></progress>'
        )
    facts = [
        *_scores(one),
        *(_known(candidate) if candidate else ()),
        *(("note", note) for note in one.notes),
    ]
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(what)}</dd>" for name, what in facts)
    what = f"{candidate.plugin}, {candidate.mode}" if candidate else ""
    return (
        f'<article class="card{" first" if first else ""}"><h3><span>{escape(one.connection)}</span>'
        f'<span class="quiet">{place}</span></h3><p class="quiet">{escape(what)}</p>{verdict}'
        f"<dl>{listed}</dl></article>"
    )


def _scores(one: Verdict) -> list[tuple[str, str]]:
    if not one.scores:
        return []
    return [*((name, f"{value:+.4g}") for name, value in one.scores), ("score", f"{one.score:.4g}")]


def _known(candidate: Candidate) -> list[tuple[str, str]]:
    health, seen = candidate.health, candidate.evidence
    state = {"closed": "up", "half_open": "on trial", "open": "down"}.get(health.state, health.state)
    calls = f", {health.failures} of {health.calls} calls failed" if health.calls else ""
    known = [("health", f"{state}{calls}")]
    if health.latency_ms:
        known.append(("latency", f"{health.latency_ms} ms"))
    if seen.opened:
        low, high = wilson(seen.paid, seen.opened)
        known.append(("paid", f"{seen.paid} of {seen.opened} ({100 * low:.0f} to {100 * high:.0f} %)"))
    return known


# --- how it came about ---------------------------------------------------------------------------


def _ladder(decision: RoutingDecision) -> str:
    """Steps down, candidates across: who was left out where, and with what reason."""
    steps = dict(STEPS)
    for one in decision.verdicts:
        if one.excluded and one.step:
            steps.setdefault(one.step, "")
    names = "".join(f'<th scope="col">{escape(one.connection)}</th>' for one in decision.verdicts)
    rows = [f'<tr><th scope="col">step</th>{names}</tr>']
    out: set[str] = set()
    for step, question in steps.items():
        cells = []
        for one in decision.verdicts:
            if one.connection in out:
                cells.append("<td></td>")
            elif one.excluded and one.step == step:
                out.add(one.connection)
                cells.append(f'<td class="bad">✕ {escape(one.excluded)}</td>')
            else:
                cells.append('<td class="good">✓</td>')
        asks = f'<br><span class="quiet">{escape(question)}</span>' if question else ""
        rows.append(f'<tr><th scope="row">{escape(step)}{asks}</th>{"".join(cells)}</tr>')
    return f'<div class="wide"><table>{"".join(rows)}</table></div>'


def _inputs(request: RouteRequest) -> list[tuple[str, str]]:
    homes = (f"{one.connection} ({one.currency})" for one in request.agreements)
    rows = [
        ("product", request.product),
        ("needs", ", ".join(request.needs).replace("_", " ")),
        ("trial", f"{request.trial_days} days" if request.trial_days else ""),
        ("country", request.country or "not known"),
        ("channel", request.channel),
        *((name, str(value)) for name, value in request.attributes),
        ("known at", ", ".join(request.links)),
        ("live agreements", ", ".join(homes)),
        ("decided at", _time(request.at)),
    ]
    return [(name, what) for name, what in rows if what]


def _proof(decision: RoutingDecision, receipt: str) -> list[tuple[str, str]]:
    rows = [
        ("router", f"{escape(decision.router)} <code>{escape(decision.policy)}</code>"),
        ("chance", f"a hash of <code>{escape(decision.seed)}</code>, the step, and what is dealt out"),
    ]
    if receipt:
        rows.append(("run it again", f"<code>purchase route verify {escape(receipt)}</code>"))
    return rows


def _time(at: Instant) -> str:
    return to_datetime(at).strftime("%Y-%m-%d %H:%M:%S UTC")
