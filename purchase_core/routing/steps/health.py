"""Health: connections that are down are left out, those on trial get a few requests, poor ones come last."""

from __future__ import annotations

from purchase_core.ports.router import ALL_UNHEALTHY, WELL
from purchase_core.routing.chance import happens
from purchase_core.routing.policy import PERCENT
from purchase_core.routing.sheet import PLAIN, Sheet, Standing

STEP = "health"
POOR, ON_TRIAL = 1, 2


def health(sheet: Sheet) -> None:
    """Exclude and rank by health. If that leaves nobody, refuse, or try all the same, as the policy says."""
    down: list[Standing] = []
    for one in sheet.live:
        reason = _down(sheet, one)
        if reason:
            one.exclude(STEP, reason)
            down.append(one)
        elif one.candidate.health is not WELL:
            _rank(sheet, one)
    if not down:
        return
    if len(down) == len(sheet.live):
        if sheet.policy.health.when_all_unhealthy == "try":
            for one in down:
                one.note(f"tried all the same: {one.excluded}")
                one.exclude("", "")
            return
        sheet.refused = ALL_UNHEALTHY
    sheet.sift()


def _rank(sheet: Sheet, one: Standing) -> None:
    seen, policy = one.candidate.health, sheet.policy.health
    if seen.state == "half_open":
        step = f"{STEP}:{one.candidate.connection}"
        if happens(policy.probe_percent, sheet.salt, step, sheet.request.key):
            one.note("on trial: this request is one of those that try it")
        else:
            one.health_rank = ON_TRIAL
            one.note("on trial")
    elif (
        seen.calls >= policy.calls_min and seen.failures * PERCENT > policy.failures_percent_max * seen.calls
    ):
        one.health_rank = POOR
        one.note(f"{seen.failures} of {seen.calls} calls failed")


def _down(sheet: Sheet, one: Standing) -> str:
    if one.candidate.health.state == "open":
        return "is down"
    if one.terms is not PLAIN:
        for window in one.terms.maintenance:
            if window.starts <= sheet.request.at < window.ends:
                return "is under maintenance"
    return ""
