"""Changes of a subscription: the whole list of items, and how the difference is paid.

Pay first: a charge that fails changes nothing (`prevent_change`). While a subscription is on trial or paused
there is no period to prorate, and Paddle takes no other mode than to bill nothing. Source:
errors/subscriptions.
"""

from __future__ import annotations

from purchase_core.errors import ProviderRefused
from purchase_core.instants import Instant, to_datetime
from purchase_core.ports.provider import ChangePreview, ChangeRequest, PauseRequest, Proration

from . import answers, documents
from .documents import at

MODES = {
    Proration.NOW: "prorated_immediately",
    Proration.NEXT_INVOICE: "prorated_next_billing_period",
    Proration.NONE: "do_not_bill",
}
WITHOUT_PERIOD = frozenset({"trialing", "paused"})
START_NEW, CONTINUE = "start_new_billing_period", "continue_existing_billing_period"


def fields(present: documents.Subscription, request: ChangeRequest) -> dict[str, object]:
    """The change of the one item that a subscription has; or of the one that has this price already.

    Raises ProviderRefused where it is not clear which item is meant.
    """
    others = [one for one in present.items if one.price.id != request.price]
    if len(others) == len(present.items) and len(others) > 1:
        raise ProviderRefused(
            "the subscription has several items, and none of this price",
            provider_code="items_ambiguous",
            hint="Change it in Paddle's dashboard.",
        )
    kept = others if len(others) < len(present.items) else []
    items = [{"price_id": one.price.id, "quantity": one.quantity} for one in kept]
    mode = MODES[Proration.NONE if present.status in WITHOUT_PERIOD else request.proration]
    return {
        "items": [{"price_id": request.price, "quantity": request.quantity}, *items],
        "proration_billing_mode": mode,
        "on_payment_failure": "prevent_change",
    }


def preview(found: answers.Preview) -> ChangePreview:
    """What a change would cost."""
    now, later, summary = found.immediate_transaction, found.next_transaction, found.update_summary
    credit = summary is not None and summary.result.action == "credit"
    return ChangePreview(
        currency=found.currency_code,
        due_now=int(now.details.totals.grand_total) if now else 0,
        credit=int(summary.result.amount) if credit and summary else 0,
        renewal=int(later.details.totals.grand_total) if later else 0,
        renews_at=at(later.billing_period.starts_at) if later else None,
    )


def pause_fields(request: PauseRequest) -> dict[str, object]:
    """How a subscription is paused."""
    found: dict[str, object] = {
        "effective_from": "next_billing_period" if request.at_period_end else "immediately"
    }
    if request.resumes_at is not None:
        found["resume_at"] = _written(request.resumes_at)
    return found


def resume_fields(*, new_period: bool) -> dict[str, object]:
    """How a subscription goes on."""
    return {"effective_from": "immediately", "on_resume": START_NEW if new_period else CONTINUE}


def _written(moment: Instant) -> str:
    return to_datetime(moment).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
