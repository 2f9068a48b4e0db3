"""What can be played with a simulated Paddle: its time, its notifications, and events by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from purchase_core.errors import NotFound, WrongState
from purchase_simulators.wire.panel import Played, Shown, Trigger

from . import adjustments, paying, renewing, subscriptions
from .book import Event
from .cards import GOOD_CARD
from .refusal import Refusal
from .requests import Adjustment
from .shapes import Document
from .simulator import Account, PaddleSimulator
from .stamps import read as read_instant

FAILING_CARD = "fails_later"


class PlayedPaddle(Played):
    """One account."""

    refusal = Refusal

    def __init__(self, simulator: PaddleSimulator, account: Account) -> None:
        super().__init__(simulator)
        self._account = account
        self._book = account.book

    def events(self, limit: int) -> Sequence[Shown]:
        self._account.catch_up()
        return [_event(one) for one in self._book.events[-limit:]]

    def deliveries(self, limit: int) -> Sequence[Shown]:
        self._account.catch_up()
        return [self._delivery(one) for one in reversed(self._account.notifications.rows()[-limit:])]

    def send_again(self, event: str) -> Sequence[Shown]:
        planned = self._account.notifications.send_again(event)
        if not planned:
            raise NotFound(f"no event {event[:64]!r} that anybody is told of")
        return [self._delivery(one) for one in planned]

    def triggers(self) -> Mapping[str, Trigger]:
        return {
            "checkout.paid": self._pay,
            "dispute.inquiry": partial(self._charge_back, warning=True),
            "dispute.opened": partial(self._charge_back, warning=False),
            "dispute.won": self._reverse,
            "payment.failed": partial(self._renew, FAILING_CARD),
            "payment.recovered": self._recover,
            "refund.approved": partial(self._decide, approved=True),
            "refund.created": self._refund,
            "refund.rejected": partial(self._decide, approved=False),
            "subscription.canceled": self._cancel,
            "subscription.renewed": partial(self._renew, ""),
        }

    # --- what happens ----------------------------------------------------------------------------

    def _pay(self, about: str) -> None:
        found = self._pick("txn", about, lambda one: one["status"] in paying.PAYABLE)
        paying.checkout(self._book, found["id"], GOOD_CARD)

    def _renew(self, card: str, about: str) -> None:
        """Time passes until the next bill is collected; from another card, if one is named."""
        found = self._pick("sub", about, lambda one: one["status"] == "active")
        if card:
            self._book.note(found["id"])["card"] = card
        due = read_instant("next_billed_at", found["next_billed_at"])
        self.advance(max(due - self.clock.now(), 0))

    def _recover(self, about: str) -> None:
        found = self._pick("sub", about, lambda one: one["status"] == "past_due")
        self._book.note(found["id"])["card"] = GOOD_CARD
        for transaction in renewing.past_due(self._book, found):
            renewing.collect(self._book, found, transaction)

    def _cancel(self, about: str) -> None:
        found = self._pick("sub", about, lambda one: one["status"] != "canceled")
        subscriptions.end(self._book, found)

    def _refund(self, about: str) -> None:
        found = self._paid(about)
        asked = Adjustment(action="refund", transaction_id=found["id"], reason="By hand", type="full")
        adjustments.create(self._book, asked)

    def _decide(self, about: str, *, approved: bool) -> None:
        found = self._pick("adj", about, lambda one: one["status"] == adjustments.PENDING)
        adjustments.decide(self._book, found["id"], approved=approved)

    def _charge_back(self, about: str, *, warning: bool) -> None:
        adjustments.charge_back(self._book, self._paid(about)["id"], warning=warning)

    def _reverse(self, about: str) -> None:
        def lost(one: Document) -> bool:
            return one["action"] in adjustments.REVERSES and one["status"] == adjustments.APPROVED

        adjustments.reverse(self._book, self._pick("adj", about, lost)["id"])

    def _paid(self, about: str) -> Document:
        def paid(one: Document) -> bool:
            return one["status"] == "completed" and int(one["details"]["totals"]["grand_total"]) > 0

        return self._pick("txn", about, paid)

    def _pick(self, prefix: str, about: str, fits: Callable[[Document], bool]) -> Document:
        """The named entity, or the newest that fits."""
        candidates = [self._book.find(prefix, about)] if about else self._book.rows(prefix)
        for one in reversed(candidates):
            if fits(one):
                return one
        raise WrongState("nothing is in a state for that")

    def _delivery(self, one: Document) -> Shown:
        return {
            "id": one["id"],
            "event": one["payload"]["event_id"],
            "type": one["type"],
            "endpoint": one["notification_setting_id"],
            "state": one["status"],
            "attempts": [_attempt(log) for log in self._account.notifications.logs(one["id"])],
        }


def _event(one: Event) -> Shown:
    created = read_instant("occurred_at", one.occurred_at)
    return {"id": one.id, "type": one.type, "created": created, "object": str(one.data.get("id", ""))}


def _attempt(log: Document) -> Shown:
    status = log["response_code"]
    return {"status": status, "problem": "" if status else log["response_body"]}
