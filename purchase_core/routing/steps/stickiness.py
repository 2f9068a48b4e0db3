"""Stickiness: a live agreement keeps its connection, and a customer who is known somewhere prefers it."""

from __future__ import annotations

from purchase_core.routing.sheet import Sheet

STEP = "stickiness"
AGREED, LINKED, NEW = 0, 1, 2


def stickiness(sheet: Sheet) -> None:
    """Rank by acquaintance; where live agreements are required, exclude all but their connections."""
    policy, request = sheet.policy.stickiness, sheet.request
    homes = {one.connection for one in request.agreements} if policy.agreement != "ignore" else set()
    links = request.links if policy.link == "prefer" else ()
    if not homes and not links:
        return
    required = homes if policy.agreement == "require" else ()
    for one in sheet.live:
        name = one.candidate.connection
        if name in homes:
            one.sticky_rank = AGREED
        elif required:
            one.exclude(STEP, f"a live agreement is on {', '.join(sorted(homes))}")
        else:
            one.sticky_rank = LINKED if name in links else NEW
    sheet.sift()
