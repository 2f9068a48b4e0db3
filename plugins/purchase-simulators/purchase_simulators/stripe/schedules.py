"""Subscription schedules: https://docs.stripe.com/billing/subscriptions/subscription-schedules."""

from __future__ import annotations

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from . import metadata as meta
from .book import Book
from .call import Answered, Call, Routes
from .forms import Params
from .objects.catalog import Price
from .objects.subscriptions import CurrentPhase, Phase, PhaseItem, Schedule, Subscription
from .paging import ListParams, newest_first, page
from .prorating import period_after, unit_amount
from .refusal import invalid, wrong_state

PHASES_MAX = 10
END_BEHAVIORS = ("release", "cancel")


class PhaseItemParams(Params, frozen=True, kw_only=True):
    """`phases[][items][]`."""

    price: str
    quantity: int = 1


class Duration(Params, frozen=True, kw_only=True):
    """`phases[][duration]`."""

    interval: str
    interval_count: int = 1


class PhaseParams(Params, frozen=True, kw_only=True):
    """`phases[]`."""

    items: list[PhaseItemParams]
    start_date: int | str | None = None
    end_date: int | str | None = None
    duration: Duration | None = None
    proration_behavior: str = "create_prorations"
    metadata: meta.Asked = UNSET


class MakeSchedule(Params, frozen=True, kw_only=True):
    """POST /v1/subscription_schedules: from a subscription, and with nothing else."""

    from_subscription: str
    metadata: meta.Asked = UNSET


class ChangeSchedule(Params, frozen=True, kw_only=True):
    """POST /v1/subscription_schedules/{id}. All phases, the current one too."""

    phases: list[PhaseParams] | UnsetType = UNSET
    end_behavior: str | UnsetType = UNSET
    proration_behavior: str | None = None
    metadata: meta.Asked = UNSET


class Release(Params, frozen=True, kw_only=True):
    """POST /v1/subscription_schedules/{id}/release."""

    preserve_cancel_date: bool = False


class ListSchedules(ListParams, frozen=True, kw_only=True):
    """GET /v1/subscription_schedules."""

    customer: str | None = None


def make_schedule(call: Call) -> Answered:
    """One phase: the subscription as it is, to the end of its period."""
    asked, book = call.params(MakeSchedule), call.book
    subscription = book.get(Subscription, asked.from_subscription, "from_subscription")
    if subscription.schedule:
        raise wrong_state("You cannot migrate a subscription that is already attached to a schedule: "
                          f"`{subscription.schedule}`.", param="from_subscription")  # fmt: skip
    if subscription.status not in ("active", "trialing", "past_due"):
        raise wrong_state(f"You cannot migrate a subscription that is {subscription.status}.")
    first = subscription.items.data[0]
    start = subscription.start_date if subscription.status == "trialing" else first.current_period_start
    phase = Phase(
        currency=subscription.currency,
        end_date=first.current_period_end,
        items=tuple(PhaseItem(price=one.price.id, quantity=one.quantity) for one in subscription.items.data),
        start_date=start,
        trial_end=subscription.trial_end if subscription.status == "trialing" else None,
    )
    schedule = Schedule(
        id=book.new_id(Schedule),
        created=book.now(),
        current_phase=CurrentPhase(start_date=phase.start_date, end_date=phase.end_date),
        customer=subscription.customer,
        metadata=meta.merged({}, asked.metadata),
        phases=(phase,),
        subscription=subscription.id,
        test_clock=subscription.test_clock,
    )
    book.made("subscription_schedule.created", schedule)
    book.changed("customer.subscription.updated", replace(subscription, schedule=schedule.id))
    return schedule


def change_schedule(call: Call) -> Answered:
    """New phases. The current one must be among them, with its start."""
    asked, book = call.params(ChangeSchedule), call.book
    schedule = _active(book, call.id)
    subscription = book.get(Subscription, schedule.subscription or "")
    phases, end = schedule.phases, asked.end_behavior
    if not isinstance(end, UnsetType) and end not in END_BEHAVIORS:
        raise invalid("Invalid end_behavior.", "end_behavior")
    if not isinstance(asked.phases, UnsetType):
        phases = _phases(book, subscription, schedule, asked.phases)
    changed = replace(
        schedule,
        phases=phases,
        end_behavior=schedule.end_behavior if isinstance(end, UnsetType) else end,
        metadata=meta.merged(schedule.metadata, asked.metadata),
    )
    return book.changed("subscription_schedule.updated", changed)


def release(call: Call) -> Answered:
    """The subscription goes on as it is, and nothing of what was planned happens."""
    call.params(Release)
    book = call.book
    schedule = _active(book, call.id)
    released = replace(
        schedule,
        status="released",
        released_at=book.now(),
        released_subscription=schedule.subscription,
        subscription=None,
        current_phase=None,
    )
    book.changed("subscription_schedule.released", released)
    subscription = book.get(Subscription, schedule.subscription or "")
    book.changed("customer.subscription.updated", replace(subscription, schedule=None))
    return released


def list_schedules(call: Call) -> Answered:
    asked = call.params(ListSchedules)
    rows = [one for one in newest_first(call.book.all(Schedule)) if asked.customer in (None, one.customer)]
    return page(rows, asked, lambda one: one.id)


def _active(book: Book, identifier: str) -> Schedule:
    schedule = book.get(Schedule, identifier)
    if schedule.status not in ("active", "not_started"):
        raise wrong_state(f"This schedule is in the `{schedule.status}` state, and cannot be updated.")
    return schedule


def _phases(
    book: Book, subscription: Subscription, schedule: Schedule, asked: list[PhaseParams]
) -> tuple[Phase, ...]:
    if not 1 <= len(asked) <= PHASES_MAX:
        raise invalid(f"A schedule has 1 to {PHASES_MAX} phases.", "phases")
    found: list[Phase] = []
    for place, one in enumerate(asked):
        param = f"phases[{place}]"
        start = found[-1].end_date if found else _instant(one.start_date, schedule.phases[0].start_date)
        if place == 0 and start != schedule.phases[0].start_date:
            raise invalid("You can not modify the start date of the current phase.", f"{param}[start_date]")
        prices = [book.get(Price, item.price, f"{param}[items][price]") for item in one.items]
        if not prices:
            raise invalid(f"Missing required param: {param}[items].", f"{param}[items]", "parameter_missing")
        for price in prices:
            unit_amount(book, price, subscription.currency, f"{param}[items][price]")
        count = one.duration.interval_count if one.duration else 1
        end = start
        for _ in range(count):
            end = period_after(end, prices[0], start)
        end = _instant(one.end_date, end)
        if end <= start:
            raise invalid("The end date must be after the start date.", f"{param}[end_date]")
        items = tuple(PhaseItem(price=item.price, quantity=item.quantity) for item in one.items)
        found.append(Phase(currency=subscription.currency, end_date=end, items=items, start_date=start,
                           metadata=meta.merged({}, one.metadata),
                           proration_behavior=one.proration_behavior))  # fmt: skip
    return tuple(found)


def _instant(asked: int | str | None, otherwise: int) -> int:
    return int(asked) if asked is not None and str(asked).isdecimal() else otherwise


ROUTES: Routes = (
    ("POST", "/v1/subscription_schedules", make_schedule),
    ("GET", "/v1/subscription_schedules", list_schedules),
    ("GET", "/v1/subscription_schedules/{id}", lambda call: call.book.get(Schedule, call.id)),
    ("POST", "/v1/subscription_schedules/{id}", change_schedule),
    ("POST", "/v1/subscription_schedules/{id}/release", release),
)
