"""The table of capabilities: what each provider declares, and the traits that it has."""

from __future__ import annotations

from collections.abc import Mapping

from purchase_core.ports.provider import Capabilities, Capability

YES, NO = "yes", "-"


def capability_rows(found: Mapping[str, Capabilities]) -> list[list[str]]:
    """A row for each capability and each trait: its name, then a cell for each provider."""
    declared = found.values()
    rows = [[one.value, *(_yes(one in each) for each in declared)] for one in Capability]
    rows += [
        ["refund_approval", *(_yes(each.refund_approval) for each in declared)],
        ["unique_emails", *(_yes(each.unique_emails) for each in declared)],
        ["merchant_of_record", *(_yes(each.merchant_of_record) for each in declared)],
        ["price_trials", *(_yes(each.price_trials) for each in declared)],
        ["price_changes", *(_yes(each.price_changes) for each in declared)],
        ["delayed_payments", *(_yes(each.delayed_payments) for each in declared)],
        ["currencies", *(_currencies(each) for each in declared)],
        ["idempotency keys hold", *(_lifetime(each) for each in declared)],
    ]
    return rows


def capability_page(found: Mapping[str, Capabilities]) -> str:
    """The same in Markdown, for documents."""
    lines = [["", *found], ["---"] * (len(found) + 1)]
    lines += [[name.replace("_", " "), *cells] for name, *cells in capability_rows(found)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _yes(holds: bool) -> str:  # noqa: FBT001  # it has nothing else
    return YES if holds else NO


def _currencies(declared: Capabilities) -> str:
    return "all" if declared.currencies is None else str(len(declared.currencies))


def _lifetime(declared: Capabilities) -> str:
    hours = declared.key_lifetime_seconds // 3_600
    return f"{hours} h" if hours else NO
