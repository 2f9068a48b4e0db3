"""Commands about subscriptions: end, change, plan, pause. Each answers the subscription, and as of when."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from purchase_core.errors import InvalidArgument, ProviderRefused
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import ChangePreview, ChangeRequest, PauseRequest, Proration, reading

from . import asking, documents
from .client import StripeCalls, as_key
from .looking import ITEMS, checked

if TYPE_CHECKING:
    from stripe.params import SubscriptionUpdateParams

Witnessed: TypeAlias = tuple[documents.Subscription, Instant]
GONE = "resource_missing"


class Changing:
    """Commands of one connection."""

    def __init__(self, calls: StripeCalls) -> None:
        self._calls = calls

    # --- the end ---------------------------------------------------------------------------------

    async def cancel_now(self, name: str, key: str) -> Witnessed:
        """At once. Stripe keeps no keys of such calls, so ours is left as a comment, to be known again by."""
        comment = as_key(f"purchase {key}")
        try:
            return await self._calls.write(
                "cancel a subscription",
                lambda stripe: stripe.v1.subscriptions.cancel_async(
                    name, {"cancellation_details": {"comment": comment}, "expand": ITEMS}
                ),
                documents.Subscription,
            )
        except ProviderRefused as refused:
            if refused.provider_code != GONE:
                raise
            found, as_of = await self._touch(name)
            said = found.cancellation_details
            if found.status != "canceled" or said is None or said.comment != comment:
                raise
            return found, as_of

    async def cancel_at_period_end(self, name: str, key: str) -> Witnessed:
        """At the end of the period. What a schedule had planned is let go first."""
        await self._release(await self._retrieve(name), key)
        return await self._update(name, {"cancel_at_period_end": True}, key)

    async def uncancel(self, name: str, key: str) -> Witnessed:
        """Take it back, however it was set: the portal sets an instant, and not the flag."""
        found = await self._retrieve(name)
        if found.cancel_at_period_end:
            return await self._update(name, {"cancel_at_period_end": False}, as_key(key, "flag"))
        # Also after a lost answer: then nothing is set any more, and nothing changes.
        return await self._update(name, {"cancel_at": ""}, as_key(key, "instant"))

    # --- changes ---------------------------------------------------------------------------------

    async def change(self, request: ChangeRequest, key: str) -> Witnessed:
        """Now, and paid for first. What a schedule had planned is let go first."""
        found = await self._retrieve(checked(request.subscription))
        item = _only_item(found)
        await self._release(found, key)
        date = _proration_date(request.preview)
        return await self._update(found.id, asking.change_params(request, item.id, date), key)

    async def plan(self, request: ChangeRequest, key: str) -> Witnessed:
        """With the next renewal: by a schedule, which lets go of the subscription once it is done."""
        found = await self._retrieve(checked(request.subscription))
        item = _only_item(found)
        schedule = documents.name_of(found.schedule)
        if not schedule:
            made, _ = await self._calls.write(
                "create a schedule",
                lambda stripe: stripe.v1.subscription_schedules.create_async(
                    {"from_subscription": found.id}, {"idempotency_key": as_key(key, "schedule")}
                ),
                documents.Schedule,
            )
            schedule, start = made.id, made.phases[0].start_date
        else:
            known = await self._calls.read(
                "retrieve a schedule",
                lambda stripe: stripe.v1.subscription_schedules.retrieve_async(schedule),
                documents.Schedule,
            )
            start = known.phases[0].start_date
        end, price = item.current_period_end, item.price
        recurring = price.recurring or documents.Recurring(interval="month")
        await self._calls.write(
            "update a schedule",
            lambda stripe: stripe.v1.subscription_schedules.update_async(
                schedule,
                {
                    "end_behavior": "release",
                    "proration_behavior": "none",
                    "phases": [
                        {
                            "start_date": start,
                            "end_date": end,
                            "items": [{"price": price.id, "quantity": item.quantity}],
                        },
                        {
                            "items": [{"price": request.price, "quantity": request.quantity}],
                            "duration": {
                                "interval": recurring.interval,
                                "interval_count": recurring.interval_count,
                            },
                        },
                    ],
                },
                {"idempotency_key": as_key(key, "phases")},
            ),
            documents.Head,
        )
        return await self._touch(found.id)

    async def preview(self, request: ChangeRequest) -> ChangePreview:
        """What the change would cost: its own invoice, and that of the renewal after it."""
        found = await self._retrieve(checked(request.subscription))
        item = _only_item(found)
        date = _proration_date(request.preview)
        if date is None:
            date = await self._now(found)
        later = "create_prorations" if request.proration is Proration.NEXT_INVOICE else "none"
        renewal = await self._preview(
            request, item.id, "none" if request.at_period_end else later, None if later == "none" else date
        )
        due, credit = 0, 0
        if request.proration is Proration.NOW and not request.at_period_end:
            now = await self._preview(request, item.id, "always_invoice", date)
            due, credit = now.amount_due, max(-now.total, 0)
        return ChangePreview(
            currency=found.currency.upper(),
            due_now=due,
            credit=credit,
            renewal=max(renewal.total, 0),
            renews_at=Instant(item.current_period_end * SECOND),
            token="" if request.at_period_end else str(date),
        )

    # --- pauses ----------------------------------------------------------------------------------

    async def pause(self, request: PauseRequest, key: str) -> Witnessed:
        """The subscription itself, or only the collection of its money."""
        name = checked(request.subscription)
        if request.collection_only:
            # Invoices are made, and void: nobody owes for the time of the pause.
            return await self._update(name, {"pause_collection": {"behavior": "void"}}, key)
        return await self._calls.write(
            "pause a subscription",
            lambda stripe: stripe.v1.subscriptions.pause_async(
                # What is left of the period is kept, and not paid back: that would be a refund.
                name,
                {"bill_for": {"unused_time_from": {"type": "none"}}, "expand": ITEMS},
                {"idempotency_key": as_key(key)},
            ),
            documents.Subscription,
        )

    async def resume(self, name: str, key: str, *, new_period: bool) -> Witnessed:
        """Whichever kind of pause it is in. It may stay paused until its invoice is paid."""
        found = await self._retrieve(name)
        if found.status != "paused":
            return await self._update(name, {"pause_collection": ""}, as_key(key, "collection"))
        return await self._calls.write(
            "resume a subscription",
            lambda stripe: stripe.v1.subscriptions.resume_async(
                name,
                {
                    "billing_cycle_anchor": {"type": "now" if new_period else "unchanged"},
                    "payment_behavior": "resume_on_payment_success",
                    "expand": ITEMS,
                },
                {"idempotency_key": as_key(key)},
            ),
            documents.Subscription,
        )

    # --- calls -----------------------------------------------------------------------------------

    async def _retrieve(self, name: str) -> documents.Subscription:
        return await self._calls.read(
            "retrieve a subscription",
            lambda stripe: stripe.v1.subscriptions.retrieve_async(name, {"expand": ITEMS}),
            documents.Subscription,
        )

    async def _update(self, name: str, params: SubscriptionUpdateParams, key: str) -> Witnessed:
        asked: SubscriptionUpdateParams = {**params, "expand": ITEMS}
        return await self._calls.write(
            "update a subscription",
            lambda stripe: stripe.v1.subscriptions.update_async(
                name, asked, {"idempotency_key": as_key(key)}
            ),
            documents.Subscription,
        )

    async def _touch(self, name: str) -> Witnessed:
        """The subscription as it is now, and as of when."""
        answer = await self._calls.raw(
            "retrieve a subscription",
            lambda stripe: stripe.v1.subscriptions.retrieve_async(name, {"expand": ITEMS}),
        )
        return reading.read(answer.body, documents.Subscription), answer.as_of

    async def _release(self, found: documents.Subscription, key: str) -> None:
        schedule = documents.name_of(found.schedule)
        if schedule:
            await self._calls.write(
                "release a schedule",
                lambda stripe: stripe.v1.subscription_schedules.release_async(
                    schedule, {}, {"idempotency_key": as_key(key, "release")}
                ),
                documents.Head,
            )

    async def _preview(
        self, request: ChangeRequest, item: str, proration: str, date: int | None
    ) -> documents.Preview:
        params = asking.preview_params(request, item, proration, date)
        return await self._calls.read(
            "preview an invoice",
            lambda stripe: stripe.v1.invoices.create_preview_async(params),
            documents.Preview,
        )

    async def _now(self, found: documents.Subscription) -> int:
        _, as_of = await self._touch(found.id)
        start = found.items.data[0].current_period_start
        return max(as_of // SECOND, start)


def _only_item(found: documents.Subscription) -> documents.Item:
    if len(found.items.data) != 1 or found.items.has_more:
        raise ProviderRefused(
            f"the subscription has {len(found.items.data)} items, and not one",
            provider_code="several_items",
            hint="Change it in Stripe's Dashboard.",
        )
    return found.items.data[0]


def _proration_date(token: str) -> int | None:
    if not token:
        return None
    if not (token.isascii() and token.isdecimal() and len(token) <= 11):  # noqa: PLR2004  # seconds
        raise InvalidArgument("that is no token of a preview of Stripe's")
    return int(token)
