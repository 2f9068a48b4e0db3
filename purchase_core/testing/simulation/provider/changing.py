"""What is done to subscriptions of the simulated provider: by us, in its portal, or in its dashboard."""

from __future__ import annotations

from purchase_core.instants import SECOND
from purchase_core.testing.simulation.provider.account import Account, Refusal
from purchase_core.testing.simulation.provider.billing import bill, charge, end, settle, updated
from purchase_core.testing.simulation.provider.months import after_periods
from purchase_core.testing.simulation.provider.objects import ENDED, Line, Subscription


def _live(one: Subscription) -> None:
    if one.status in ENDED:
        raise Refusal(f"{one.id} is {one.status}")


def _told(account: Account, one: Subscription) -> None:
    account.changed(one)
    account.tell(updated(account), one)


def cancel(account: Account, one: Subscription, *, at_period_end: bool) -> None:
    """End it, now or with its period."""
    _live(one)
    if not at_period_end or one.status in ("paused", "unpaid"):
        end(account, one)
        return
    if one.cancel_at is None:
        one.cancel_at, one.next_price = one.period_end, ""
        _told(account, one)


def uncancel(account: Account, one: Subscription) -> None:
    """No end after all."""
    _live(one)
    if one.cancel_at is not None:
        one.cancel_at = None
        _told(account, one)


def change(
    account: Account, one: Subscription, price: str, quantity: int, *, prorate: bool, at_period_end: bool
) -> None:
    """Put it on another price or quantity; what is due at once is paid first."""
    _live(one)
    if one.status not in ("active", "trialing"):
        raise Refusal(f"{one.id} is {one.status}")
    wanted = account.found(account.book.prices, price)
    if at_period_end and (wanted.interval, wanted.currency) == (one.interval, one.currency):
        one.next_price, one.next_quantity, one.next_unit_amount = price, quantity, wanted.unit_amount
        _told(account, one)
        return
    if (one.price, one.quantity) == (price, quantity):
        return
    if (wanted.interval, wanted.currency) != (one.interval, one.currency):
        raise Refusal(f"{price} has another rhythm or currency")
    lines = _prorations(account, one, price, wanted.unit_amount, quantity) if prorate else []
    due = sum(line.amount for line in lines)
    if due > 0 and account.book.payers[one.payer].card != "good":
        raise Refusal("the card was declined")
    one.price, one.quantity, one.unit_amount, one.next_price = price, quantity, wanted.unit_amount, ""
    _told(account, one)
    if due > 0:
        settle(account, bill(account, one, "change", lines))


def _prorations(
    account: Account, one: Subscription, price: str, unit_amount: int, quantity: int
) -> list[Line]:
    if one.status == "trialing":
        return []
    left, whole = max(0, one.period_end - account.now()), one.period_end - one.period_start
    back = one.unit_amount * one.quantity * left // whole
    more = unit_amount * quantity * left // whole
    return [
        Line(one.price, one.quantity, one.unit_amount, -back, one.currency, proration=True),
        Line(price, quantity, unit_amount, more, one.currency, proration=True),
    ]


def pause(account: Account, one: Subscription, *, collection_only: bool) -> None:
    """Stop it, or only stop charging for it."""
    _live(one)
    if collection_only:
        if one.collecting:
            one.collecting = False
            _told(account, one)
        return
    if one.status == "paused":
        return
    if one.status not in ("active", "trialing"):
        raise Refusal(f"{one.id} is {one.status}")
    one.status, one.paused_at, one.next_price = "paused", account.now(), ""
    _told(account, one)


def resume(account: Account, one: Subscription, *, new_period: bool) -> None:
    """Go on."""
    _live(one)
    if one.status != "paused":
        if not one.collecting:
            one.collecting = True
            _told(account, one)
        return
    if account.book.payers[one.payer].card != "good":
        raise Refusal("the card was declined")
    one.status, one.paused_at, one.collecting = "active", None, True
    if new_period or one.period_end <= account.now():
        one.anchor = account.now() // SECOND * SECOND
        one.period, one.period_start = 0, one.anchor
        one.period_end = after_periods(one.anchor, one.interval, one.interval_count, 1)
        if one.cancel_at is not None:
            one.cancel_at = one.period_end
        _told(account, one)
        charge(account, one, "renewal")
    else:
        _told(account, one)
