"""A plan in words: what each step does, grouped by offer, and a line that sums it up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from purchase_core.rollout.plan import Act, Plan, Step

SYMBOLS: dict[Act, str] = {
    "create": "+",
    "replace": "±",
    "reinstate": "^",
    "adopt": "=",
    "update": "~",
    "link": "·",
    "retire": "-",
    "archive": "-",
    "forget": "x",
}
_VERBS: dict[Act, str] = {
    "create": "to create",
    "replace": "to replace",
    "reinstate": "to reinstate",
    "adopt": "to adopt",
    "update": "to update",
    "link": "to record",
    "retire": "to retire",
    "archive": "to archive",
    "forget": "to forget",
}


def by_offer(plan: Plan) -> Iterator[tuple[str, Sequence[Step]]]:
    """The steps of each offer, in the order of their offers."""
    found: dict[str, list[Step]] = {}
    for step in plan.steps:
        found.setdefault(step.offer, []).append(step)
    yield from sorted(found.items())


def sentence(step: Step) -> str:
    """What a step does, after its symbol."""
    named = " ".join(filter(None, (step.kind, step.object, "with trial" if step.variant else "")))
    match step.act:
        case "create" | "link" | "reinstate":
            what = f"{named}: {step.after}"
        case "replace":
            what = f"{named}: {step.before} → {step.after}"
        case "adopt":
            what = f"{named}: {step.after} ({step.confidence})"
        case "update":
            changed = f"{step.before} → {step.after}" if step.before != step.after else step.after
            what = f"{named}: {', '.join(step.fields)}: {changed}"
        case _:
            what = f"{named}: {step.before}"
    return f"{what}{_aside(step)}"


def _aside(step: Step) -> str:
    told = []
    if step.drift:
        told.append("changed by somebody else")
    if step.confidence and step.act != "adopt":
        told.append(step.confidence)
    if step.kind == "price" and step.act in ("retire", "archive", "forget", "update"):
        told.append(f"{step.holders} keep it" if step.holders else "nobody has it")
    return f" ({'; '.join(told)})" if told else ""


def summary(plan: Plan) -> str:
    """One line: how much of what."""
    if not plan.steps and not plan.doubts:
        return "Nothing to do: the providers are as the catalog says."
    counts = Counter(step.act for step in plan.steps)
    parts = [f"{counts[act]} {verb}" for act, verb in _VERBS.items() if counts[act]]
    if plan.doubts:
        parts.append(f"{len(plan.doubts)} to be answered")
    text = f"Plan: {', '.join(parts)}"
    kept = {
        (step.connection, step.version, step.currency): step.holders
        for step in plan.steps
        if step.act in KEEPING
    }
    touched = sum(kept.values())
    keep = "1 subscriber keeps" if touched == 1 else f"{touched} subscribers keep"
    return f"{text}; {keep} what they have." if touched else f"{text}."


KEEPING = ("retire", "archive")
