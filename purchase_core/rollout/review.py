"""A plan as one HTML page, for whoever has to agree to it."""

from __future__ import annotations

from html import escape

from purchase_core.instants import to_datetime
from purchase_core.rollout.plan import MEANINGS, Act, Plan
from purchase_core.rollout.plan_words import SYMBOLS, by_offer, sentence, summary
from purchase_core.routing.page import page, table

STYLE = """
.steps { list-style: none; padding: 0; } .steps li { padding: .2rem 0; }
.steps code { display: inline-block; width: 1.4em; font-weight: 700; }
.create, .reinstate { color: var(--good); } .retire, .archive, .forget { color: var(--bad); }
.replace, .update, .adopt { color: var(--accent); }
"""


def review_page(plan: Plan) -> str:
    """The page of a plan."""
    made = to_datetime(plan.made_at).isoformat(timespec="seconds")
    rows = [
        [
            one.name,
            f"{one.plugin} {one.account}",
            one.mode,
            f"{one.products:,}",
            f"{one.prices:,}",
            f"{one.foreign:,}",
            f"{one.requests:,}",
        ]
        for one in plan.accounts
    ]
    before = ", rolled out before" if plan.to else ""
    where = f"{plan.project}, {plan.environment}; catalog {plan.catalog}{before}; made {made}; plan {plan.id}"
    head = ("connection", "account", "mode", "products", "prices", "foreign, left alone", "requests")
    body = [
        f"<p><strong>{escape(summary(plan))}</strong></p>",
        f'<p class="quiet">{escape(where)}</p>',
        "<h2>Accounts</h2>",
        table(head, rows),
    ]
    if plan.doubts:
        body.append("<h2>To be answered first</h2>")
        for doubt in plan.doubts:
            body.append(f"<p>{escape(doubt.connection)}: {escape(doubt.question)}</p>")
            choices = [[f"{doubt.id}={one.answer}", one.meaning, one.confidence] for one in doubt.choices]
            body.append(table(("answer", "meaning", "confidence"), choices))
    for offer, steps in by_offer(plan):
        body.append(f"<h2>{escape(offer)}</h2><ul class='steps'>")
        body += [
            f'<li class="{step.act}"><code title="{escape(step.act)}">{SYMBOLS[step.act]}</code>'
            f"{escape(step.connection)}: {escape(sentence(step))}</li>"
            for step in steps
        ]
        body.append("</ul>")
    if plan.notices:
        body.append("<h2>Left as it is</h2>")
        notices = [[one.connection, one.about, one.text] for one in plan.notices]
        body.append(table(("connection", "about", ""), notices))
    acts: list[Act] = [act for act in SYMBOLS if any(step.act == act for step in plan.steps)]
    if acts:
        body.append("<h2>What the signs mean</h2>")
        body.append(table(("", "", ""), [[f"{SYMBOLS[act]} {act}", MEANINGS[act]] for act in acts]))
    return page("Plan of a catalog rollout", body, style=STYLE)
