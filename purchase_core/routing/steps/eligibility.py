"""Eligibility: can the connection take this checkout at all?"""

from __future__ import annotations

from purchase_core.ports.router import Candidate, RouteRequest
from purchase_core.routing.policy import Terms
from purchase_core.routing.sheet import Sheet, Standing

STEP = "eligibility"


def eligibility(sheet: Sheet) -> None:
    """Exclude those that are unfit, lack a capability, a currency, a country or a price, are switched off,
    or were excluded by a plugin."""
    for one in sheet.live:
        reason = _unfit(sheet, one)
        if reason:
            one.exclude(STEP, reason)
    sheet.sift()


def _unfit(sheet: Sheet, one: Standing) -> str:
    candidate = one.candidate
    if candidate.unfit:
        return candidate.unfit
    for said in candidate.said:
        if said.excluded:
            return said.excluded
    if not one.terms.enabled:
        return "switched off by the policy"
    if sheet.policy.require_price and not candidate.priced:
        return "has no price of the offer yet"
    return _incapable(sheet.request, candidate, one.terms) or _abroad(sheet, one)


def _incapable(request: RouteRequest, candidate: Candidate, terms: Terms) -> str:
    for need in request.needs:
        if need not in candidate.capabilities:
            missing = [one for one in request.needs if one not in candidate.capabilities]
            return f"{candidate.plugin} has no {', '.join(missing)}"
    for sold in (candidate.currencies, terms.currencies):
        if sold is not None and request.currency not in sold:
            return f"{candidate.plugin} does not sell in {request.currency}"
    return ""


def _abroad(sheet: Sheet, one: Standing) -> str:
    countries, country = one.terms.countries, sheet.request.country
    if countries is None or country in countries:
        return ""
    if country:
        return f"does not sell in {country}"
    if sheet.policy.unknown_country == "refuse":
        return "sells in some countries only, and the customer's is not known"
    one.note("country unknown")
    return ""
