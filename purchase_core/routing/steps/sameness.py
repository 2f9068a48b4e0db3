"""Sameness: the customer is to get what was shown, whichever connection takes the money."""

from __future__ import annotations

from purchase_core.routing.sheet import PLAIN, Sheet, Standing

STEP = "sameness"


def sameness(sheet: Sheet) -> None:
    """Exclude those that would change total, tax display, trial or currency, unless the policy allows it."""
    agreements = sheet.request.agreements
    for one in sheet.live:
        if one.terms is PLAIN and not agreements and not sheet.policy.sameness.tax:
            continue  # nothing is known of it that could differ
        for difference, reason in _differences(sheet, one):
            if difference in sheet.policy.sameness.allow:
                one.note(f"allowed: {reason}")
            else:
                one.exclude(STEP, reason)
                break
    sheet.sift()


def _differences(sheet: Sheet, one: Standing) -> list[tuple[str, str]]:
    request, terms, shown = sheet.request, one.terms, sheet.policy.sameness.tax
    found: list[tuple[str, str]] = []
    if terms.converts:
        found.append(("currency", f"may charge in another currency than {request.currency}"))
    for agreement in request.agreements:
        if agreement.connection == one.candidate.connection and agreement.currency != request.currency:
            found.append(("currency", f"the customer is held to {agreement.currency} there"))
            break
    if shown and terms.tax != shown:
        found.append(("tax_display", f"shows prices {terms.tax} of tax, the shop {shown}"))
    if terms.surcharge_basis_points:
        found.append(("total", f"adds {terms.surcharge_basis_points / 100:g} % to the total"))
    if request.trial_days and terms.trial != "kept":
        found.append(("trial", "asks for a card before the trial"))
    return found
