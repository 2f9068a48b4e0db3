"""Rules: the first one that matches leaves connections out, and prefers others."""

from __future__ import annotations

from purchase_core.routing.index import RuleIndex
from purchase_core.routing.sheet import Sheet

STEP = "rules"


def rules(sheet: Sheet, index: RuleIndex) -> None:
    """Apply the first rule that matches."""
    rule = sheet.rule = index.first(sheet.request)
    if rule is None:
        return
    for one in sheet.live:
        name = one.candidate.connection
        if name in rule.exclude or (rule.only and name not in rule.only):
            one.exclude(STEP, f"left out by rule {rule.name!r}")
        elif rule.prefer:
            one.prefer_rank = rule.prefer.index(name) if name in rule.prefer else len(rule.prefer)
    sheet.sift()
