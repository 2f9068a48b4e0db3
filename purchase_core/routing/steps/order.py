"""Order: health, stickiness, preference, share, score, then as configured; some are explored."""

from __future__ import annotations

from purchase_core.routing.chance import draw, happens
from purchase_core.routing.policy import PERCENT
from purchase_core.routing.sheet import Sheet, Standing

STEP = "explore"


def order(sheet: Sheet) -> list[Standing]:
    """The live candidates, best first, each with its probability of being first."""
    live = sheet.live
    if not live:
        return live
    if len(live) > 1:
        live.sort(key=_rank)
    first = live[0]
    equals = [one for one in live if _tier(one) == _tier(first)]
    parts = sheet.dealt
    dealt = {one: parts[one.candidate.connection] for one in equals if one.candidate.connection in parts}
    if dealt:
        total = sum(dealt.values())
        for one, weight in dealt.items():
            one.propensity = weight / total
        return live
    return _explored(sheet, live, [one for one in equals if one.share_rank == first.share_rank])


def _rank(one: Standing) -> tuple[int, int, int, int, float, int]:
    return one.health_rank, one.sticky_rank, one.prefer_rank, one.share_rank, -one.score, one.place


def _tier(one: Standing) -> tuple[int, int, int]:
    return one.health_rank, one.sticky_rank, one.prefer_rank


def _explored(sheet: Sheet, live: list[Standing], equals: list[Standing]) -> list[Standing]:
    """With the policy's chance, one of equal rank goes first whatever its score."""
    percent = sheet.policy.score.explore_percent
    if not percent or len(equals) == 1:
        live[0].propensity = 1.0
        return live
    for one in equals:
        one.propensity = percent / PERCENT / len(equals)
    live[0].propensity += 1 - percent / PERCENT
    key = sheet.request.key
    if happens(percent, sheet.salt, STEP, key):
        chosen = sorted(equals, key=lambda one: one.place)[draw(sheet.salt, f"{STEP}:who", key) % len(equals)]
        chosen.note("explored")
        live.remove(chosen)
        live.insert(0, chosen)
    return live
