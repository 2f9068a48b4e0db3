"""Share: requests are dealt out among connections by weight, each key always to the same one."""

from __future__ import annotations

from purchase_core.routing.attributes import reader
from purchase_core.routing.chance import drawn_order
from purchase_core.routing.intervals import wilson
from purchase_core.routing.policy import CUSTOMER, PERCENT, REQUEST
from purchase_core.routing.sheet import Sheet, Standing

STEP = "share"


def share(sheet: Sheet) -> None:
    """Rank the members of the share in the order in which they are drawn; the others come after them."""
    rule = sheet.rule
    ruled = rule is not None and bool(rule.share)
    weights = rule.share if rule is not None and ruled else sheet.policy.share
    if not weights:
        return
    members = {one.candidate.connection: one for one in sheet.live}
    if not ruled and rule is not None and rule.prefer:
        return  # a rule that prefers has said who is first
    dealt = [(name, _guarded(sheet, members.get(name), weight)) for name, weight in weights.items()]
    order = drawn_order(dealt, sheet.salt, STEP, _key(sheet))
    ranks = {name: rank for rank, name in enumerate(order)}
    for name, one in members.items():
        one.share_rank = ranks.get(name, len(ranks))
    sheet.dealt = {name: float(weight) for name, weight in dealt if name in members and weight > 0}


def _guarded(sheet: Sheet, one: Standing | None, weight: int) -> int:
    """Nothing, where the success rate of a member is surely too low."""
    guard = sheet.policy.guardrail
    if one is None or not guard.success_percent_min or not weight:
        return weight
    seen = one.candidate.evidence
    if seen.opened < guard.evidence_min:
        return weight
    _, high = wilson(seen.paid, seen.opened)
    if high * PERCENT >= guard.success_percent_min:
        return weight
    one.note(f"guardrail: {seen.paid} of {seen.opened} paid, so it is dealt nothing")
    return 0


def _key(sheet: Sheet) -> str:
    """What is dealt out. A guest is nobody in particular, so each request of a guest is dealt anew."""
    by, request = sheet.policy.share_by, sheet.request
    value = None if by in (CUSTOMER, REQUEST) else reader(by)(request)
    if value not in (None, ""):
        return str(value)
    return request.key if by == REQUEST else request.customer or request.key
