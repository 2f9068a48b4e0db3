"""Golden payloads: what the simulated Stripe tells in stories, and what the adapter makes of it.

`python -m stripe_adapter.golden`, in `plugins/purchase-stripe/tests`, writes them anew from the simulator:
then look at what has changed. The tests only read.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
from msgspec.structs import replace

from purchase_core.facts.fact import encode_body
from purchase_core.instants import Instant
from purchase_core.ports.provider import (
    ChangeRequest,
    CheckoutRequest,
    CustomerRequest,
    Fetched,
    OurReference,
    PauseRequest,
    PriceRequest,
    Provider,
    RefundRequest,
    TaxBehavior,
)
from purchase_simulators.stripe import billing, collecting, disputing, playing, portal
from purchase_simulators.stripe.objects.invoices import Invoice
from purchase_simulators.stripe.objects.payments import Dispute, Refund
from purchase_simulators.stripe.objects.subscriptions import Phase, Schedule, Subscription

from .bench import StripeBench, opened

FOLDER = Path(__file__).parent / "golden"
MONTHLY = PriceRequest("app:pro", "v1", "App Pro", 1_200, "USD", "month")
DEARER = attrs.evolve(MONTHLY, version="v2", unit_amount=2_400)
CHEAPER = attrs.evolve(MONTHLY, version="v0", unit_amount=600)
ONCE = attrs.evolve(MONTHLY, version="once", interval="")


@attrs.define
class Teller:
    """Tells a story, and keeps what was said: every event by its type, in order."""

    bench: StripeBench
    said: list[dict[str, Any]] = attrs.field(factory=list)
    fetched: dict[str, Fetched] = attrs.field(factory=dict)
    number: int = 0

    @property
    def provider(self) -> Provider:
        return self.bench.provider

    @property
    def book(self) -> Any:
        return self.bench.harness.account.book

    async def buys(self, price: PriceRequest = MONTHLY, method: str = "pays", **more: Any) -> str:
        """Something is bought; its subscription, "" if it has none."""
        self.number += 1
        asked: dict[str, Any] = {
            "mode": "subscription" if price.interval else "payment",
            "price": await self.provider.ensure_price(price, key=f"price:{price.version}:{price.currency}"),
            "quantity": 2,
            "customer": await self.provider.ensure_customer(CustomerRequest("ana"), key="customer"),
            "success_url": "https://shop.example/thanks",
            "cancel_url": "https://shop.example/prices",
            "reference": OurReference(
                f"intent_{self.number}", f"attempt_{self.number}", "ana", price.version
            ),
        }
        checkout = await self.provider.create_checkout(CheckoutRequest(**asked | more), key=f"c{self.number}")
        if method == "expires":
            await self.provider.expire_checkout(checkout.id, key=f"e{self.number}")
        elif method:
            self.bench.harness.pay(checkout.id, method)
        self.listen()
        found = self.book.all(Subscription)
        return str(found[-1].id) if price.interval and found else ""

    def listen(self, **time: int) -> None:
        """Let time pass, and keep what is said."""
        if time:
            self.bench.harness.advance(**time)
        self.said += [json.loads(one.body) for one in self.bench.harness.webhooks()]

    async def looks_up(self, name: str, kind: str, identifier: str) -> None:
        """Keep what a look-up answers."""
        self.fetched[name] = await self.provider.fetch(kind, identifier)

    def newest(self, kind: type[Any]) -> Any:
        return self.book.all(kind)[-1]


# --- stories -----------------------------------------------------------------------------------


async def life(it: Teller) -> None:
    """Bought, renewed, changed, cancelled in every way."""
    name = await it.buys()
    it.listen(days=32)
    price = await it.provider.ensure_price(DEARER, key="dearer")
    await it.provider.change_subscription(ChangeRequest(name, price, 2), key="change")
    it.listen(seconds=60)
    portal.portal_cancel(it.book, it.book.get(Subscription, name))
    it.listen(seconds=60)
    await it.provider.uncancel_subscription(name, key="undo")
    it.listen(seconds=60)
    await it.provider.cancel_subscription(name, at_period_end=True, key="end")
    it.listen(seconds=60)
    await it.provider.cancel_subscription(name, at_period_end=False, key="now")
    it.listen()


async def once(it: Teller) -> None:
    """Bought once, refunded in two ways."""
    await it.buys(ONCE)
    bill = it.newest(Invoice).id
    await it.provider.refund(RefundRequest(bill, 500, OurReference(command="command_1")), key="r1")
    it.listen(seconds=60)
    await it.looks_up("refund_succeeded", "refund", it.newest(Refund).id)


async def guest(it: Teller) -> None:
    """Somebody without an account."""
    await it.buys(ONCE, customer=None, reference=OurReference("intent_1", "attempt_1", "", "once"))


async def slow(it: Teller) -> None:
    """The money comes later."""
    await it.buys(ONCE, "debit")
    it.listen(days=4)


async def bounced(it: Teller) -> None:
    """The money does not come."""
    await it.buys(ONCE, "debit_bounces")
    it.listen(days=4)


async def unpaid(it: Teller) -> None:
    """Nobody pays, and the page is closed."""
    await it.buys(MONTHLY, "expires")


async def trial(it: Teller) -> None:
    """A trial, which ends in a payment."""
    await it.buys(trial_days=14)
    it.listen(days=12)


async def dunned(it: Teller) -> None:
    """A card fails, and nobody mends it."""
    await it.buys(MONTHLY, "fails_later")
    it.listen(days=32)
    await it.looks_up("invoice_open_update_card", "invoice", it.newest(Invoice).id)
    billing.write_off(it.book, it.newest(Invoice))
    it.listen()


async def asked(it: Teller) -> None:
    """A bank asks about every payment; one change is answered for, the other not."""
    name = await it.buys(MONTHLY, "always_challenge")
    price = await it.provider.ensure_price(DEARER, key="dearer")
    it.listen(days=3)
    await it.provider.change_subscription(ChangeRequest(name, price, 2), key="change")
    it.listen()
    bill = it.newest(Invoice)
    await it.looks_up("invoice_open_authenticate", "invoice", bill.id)
    it.listen(seconds=60)
    method = collecting.method_of(it.book, bill)
    collecting.collect(it.book, bill, method, present=True, authenticated=True)
    it.listen(seconds=60)
    again = await it.provider.ensure_price(attrs.evolve(DEARER, version="v9", unit_amount=9_900), key="v9")
    await it.provider.change_subscription(ChangeRequest(name, again, 2), key="again")
    it.listen(days=1)


async def paused(it: Teller) -> None:
    """Both pauses."""
    name = await it.buys()
    it.listen(seconds=60)
    await it.provider.pause_subscription(PauseRequest(name, collection_only=True), key="p1")
    it.listen(seconds=60)
    await it.provider.resume_subscription(name, new_period=False, key="r1")
    it.listen(seconds=60)
    await it.provider.pause_subscription(PauseRequest(name), key="p2")
    it.listen(seconds=60)
    await it.provider.resume_subscription(name, new_period=True, key="r2")
    it.listen()


async def planned(it: Teller) -> None:
    """A change with the next renewal, and one that is taken back by a cancellation."""
    name = await it.buys()
    it.listen(seconds=60)
    price = await it.provider.ensure_price(CHEAPER, key="cheaper")
    await it.provider.change_subscription(ChangeRequest(name, price, 2, at_period_end=True), key="later")
    it.listen(seconds=60)
    await it.looks_up("subscription_planned", "subscription", name)
    it.listen(days=70)
    back = await it.provider.ensure_price(MONTHLY, key="back")
    await it.provider.change_subscription(ChangeRequest(name, back, 2, at_period_end=True), key="back")
    await it.provider.cancel_subscription(name, at_period_end=False, key="now")
    it.listen()


async def ended_by_a_schedule(it: Teller) -> None:
    """A schedule, made in the Dashboard, that ends the subscription with its last phase."""
    name = await it.buys()
    found = it.book.get(Subscription, name)
    schedule = Schedule(
        id=it.book.new_id(Schedule), created=it.book.now(), customer=found.customer, current_phase=None,
        end_behavior="cancel", subscription=name, phases=(
            Phase(currency="usd", items=(), start_date=found.items.data[0].current_period_start,
                  end_date=found.items.data[0].current_period_end),
        ),
    )  # fmt: skip
    it.book.made("subscription_schedule.created", schedule)
    it.book.changed("customer.subscription.updated", replace(found, schedule=schedule.id))
    it.listen(days=32)


async def refunds_that_fail(it: Teller) -> None:
    """A refund that does not arrive."""
    await it.buys(ONCE, "refund_fails")
    made = RefundRequest(it.newest(Invoice).id, None, OurReference(command="command_1"))
    await it.provider.refund(made, key="r")
    it.listen(days=4)
    await it.looks_up("refund_failed", "refund", it.newest(Refund).id)


async def refunds_that_pend(it: Teller) -> None:
    """A refund that takes its time."""
    await it.buys(ONCE, "refund_pends")
    made = RefundRequest(it.newest(Invoice).id, None, OurReference(command="command_1"))
    await it.provider.refund(made, key="r")
    await it.looks_up("refund_pending", "refund", it.newest(Refund).id)
    it.listen(days=4)


async def disputed(it: Teller) -> None:
    """A bank takes the money, and gives it back; another one keeps it; a third only asks."""
    for wanted, status in (("won", "won"), ("lost", "lost"), ("inquiry", "")):
        await it.buys(ONCE)
        bill = it.newest(Invoice).id
        playing.dispute(it.book, bill, "inquiry" if wanted == "inquiry" else "open")
        it.listen(seconds=60)
        dispute = it.newest(Dispute).id
        if wanted == "won":
            await it.looks_up("dispute_open", "dispute", dispute)
        if status:
            playing.dispute(it.book, bill, status)
            it.listen(seconds=60)
        await it.looks_up(f"dispute_{wanted}", "dispute", dispute)
        if wanted == "lost":
            disputing.appeal(it.book, it.newest(Dispute))
            it.listen(seconds=60)
            await it.looks_up("dispute_appealed", "dispute", dispute)


async def discounted(it: Teller) -> None:
    """A quarter off."""
    code = playing.make_discount(it.book, 25, "SAVE25")
    await it.buys(discount=code.id)


async def taxed(it: Teller) -> None:
    """Tax on top."""
    await it.buys(attrs.evolve(ONCE, version="taxed", tax_behavior=TaxBehavior.EXCLUSIVE), collect_tax=True)


async def without_cents(it: Teller) -> None:
    """A currency that has none."""
    await it.buys(attrs.evolve(ONCE, version="yen", currency="JPY", unit_amount=1_500))


STORIES: tuple[Callable[[Teller], Awaitable[None]], ...] = (
    life, once, guest, slow, bounced, unpaid, trial, dunned, asked, paused, planned, ended_by_a_schedule,
    refunds_that_fail, refunds_that_pend, disputed, discounted, taxed, without_cents,
)  # fmt: skip

SHOWN: Mapping[str, tuple[str, str, int]] = {
    "session_paid": ("life", "checkout.session.completed", 0),
    "session_guest": ("guest", "checkout.session.completed", 0),
    "session_waiting": ("slow", "checkout.session.completed", 0),
    "session_arrived": ("slow", "checkout.session.async_payment_succeeded", 0),
    "session_bounced": ("bounced", "checkout.session.async_payment_failed", 0),
    "session_expired": ("unpaid", "checkout.session.expired", 0),
    "session_trial": ("trial", "checkout.session.completed", 0),
    "subscription_incomplete_ignored": ("life", "customer.subscription.created", 0),
    "subscription_active": ("life", "customer.subscription.updated", 0),
    "subscription_renewed": ("life", "customer.subscription.updated", 1),
    "subscription_changed": ("life", "customer.subscription.updated", 2),
    "subscription_cancelling_instant": ("life", "customer.subscription.updated", 3),
    "subscription_cancelling_flag": ("life", "customer.subscription.updated", 5),
    "subscription_canceled": ("life", "customer.subscription.deleted", 0),
    "subscription_trialing": ("trial", "customer.subscription.created", 0),
    "subscription_trial_will_end": ("trial", "customer.subscription.trial_will_end", 0),
    "subscription_past_due": ("dunned", "customer.subscription.updated", -1),
    "subscription_pending": ("asked", "customer.subscription.updated", 1),
    "subscription_pending_applied": ("asked", "customer.subscription.pending_update_applied", 0),
    "subscription_pending_expired": ("asked", "customer.subscription.pending_update_expired", 0),
    "subscription_not_collecting": ("paused", "customer.subscription.updated", 1),
    "subscription_paused": ("paused", "customer.subscription.paused", 0),
    "subscription_resumed": ("paused", "customer.subscription.resumed", 0),
    "invoice_first": ("life", "invoice.paid", 0),
    "invoice_renewal": ("life", "invoice.paid", 1),
    "invoice_change": ("life", "invoice.paid", 2),
    "invoice_once": ("once", "invoice.paid", 0),
    "invoice_trial": ("trial", "invoice.paid", 0),
    "invoice_arrived": ("slow", "invoice.paid", 0),
    "invoice_discounted": ("discounted", "invoice.paid", 0),
    "invoice_taxed": ("taxed", "invoice.paid", 0),
    "invoice_without_cents": ("without_cents", "invoice.paid", 0),
    "invoice_failed_needed": ("dunned", "invoice.payment_failed", 0),
    "invoice_action_needed": ("asked", "invoice.payment_action_required", 0),
    "invoice_voided": ("asked", "invoice.voided", 0),
    "invoice_uncollectible": ("dunned", "invoice.marked_uncollectible", 0),
    "refund_created_needed": ("once", "refund.created", 0),
    "refund_updated_needed": ("refunds_that_pend", "refund.updated", 0),
    "refund_failed_needed": ("refunds_that_fail", "refund.failed", 0),
    "dispute_created_needed": ("disputed", "charge.dispute.created", 0),
    "dispute_updated_needed": ("disputed", "charge.dispute.updated", 0),
    "dispute_closed_needed": ("disputed", "charge.dispute.closed", 0),
    "dispute_withdrawn_needed": ("disputed", "charge.dispute.funds_withdrawn", 0),
    "dispute_reinstated_needed": ("disputed", "charge.dispute.funds_reinstated", 0),
    "schedule_created_needed": ("planned", "subscription_schedule.created", 0),
    "schedule_updated_needed": ("planned", "subscription_schedule.updated", 0),
    "schedule_released_needed": ("planned", "subscription_schedule.released", 0),
    "schedule_completed_needed": ("ended_by_a_schedule", "subscription_schedule.completed", 0),
    "schedule_canceled_needed": ("planned", "subscription_schedule.canceled", 0),
    "subscription_scheduled_needed": ("planned", "customer.subscription.updated", 1),
    "payment_intent_ignored": ("life", "payment_intent.succeeded", 0),
    "charge_ignored": ("life", "charge.succeeded", 0),
    "charge_refunded_ignored": ("once", "charge.refunded", 0),
    "invoice_finalized_ignored": ("life", "invoice.finalized", 0),
    "invoice_payment_ignored": ("life", "invoice_payment.paid", 0),
    "invoice_succeeded_ignored": ("life", "invoice.payment_succeeded", 0),
    "customer_ignored": ("life", "customer.created", 0),
}  # fmt: skip
"""Which event of which story a payload is: by its type, and which of those."""


def meaning_of(provider: Provider, document: Mapping[str, Any]) -> dict[str, Any]:
    """What the adapter makes of a payload, as it is written down."""
    if "fetched" in document:
        asked = document["fetched"]
        body = json.dumps(asked["body"]).encode()
        event = provider.parse_fetched(Fetched(asked["kind"], asked["id"], Instant(asked["order"]), body))
    else:
        event = provider.parse(json.dumps(document["payload"]).encode())
    found = provider.normalise(event)
    return {
        "event": {name: getattr(event, name) for name in ("id", "type", "object", "occurred_at", "mode")},
        "facts": [
            {
                "object": one.object,
                "order": one.order,
                "final": one.final,
                "body": json.loads(encode_body(one.body)),
            }
            for one in found.facts
        ],
        "needs": [[one.kind, one.id, one.why] for one in found.needs],
        "claims": [[one.provider_customer, one.customer] for one in found.claims],
        "ignored": found.ignored,
    }


async def told() -> dict[str, dict[str, Any]]:
    """Every payload, as the simulator tells it now."""
    found: dict[str, dict[str, Any]] = {}
    for story in STORIES:
        async with opened() as bench:
            teller = Teller(bench)
            await story(teller)
            for name, (which, type_, place) in SHOWN.items():
                if which == story.__name__:
                    found[name] = {"payload": [one for one in teller.said if one["type"] == type_][place]}
            for name, one in teller.fetched.items():
                about = {"kind": one.kind, "id": one.id, "order": one.order, "body": json.loads(one.body)}
                found[f"fetched_{name}"] = {"fetched": about}
    return found


def write() -> None:
    """Write all of them anew."""
    from .test_stripe_normalise import PROVIDER  # noqa: PLC0415  # which reads what is written here

    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.json"):
        old.unlink()
    for name, document in asyncio.run(told()).items():
        whole = document | meaning_of(PROVIDER, document)
        (FOLDER / f"{name}.json").write_text(json.dumps(whole, indent=1) + "\n")


if __name__ == "__main__":
    write()
