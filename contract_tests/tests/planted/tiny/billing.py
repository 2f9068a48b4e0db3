"""Subscriptions and their bills: what time does to them, and what is asked of them."""

from __future__ import annotations

from purchase_core.calendar import Interval, period_start
from purchase_core.instants import DAY, SECOND, Instant

from .ledger import Document, Ledger, Refusal

DUNNING_DAYS, SLOW_DAYS = 20, 3
TAX_PERCENT = 20


class Billing(Ledger):
    """The part of an account that bills."""

    # --- sales -----------------------------------------------------------------------------------

    def complete(self, session: Document, *, card: str = "good", percent: int = 0) -> Document:
        """The buyer is done with the page."""
        if session["status"] != "open":
            raise Refusal(400, "not_open")
        price = self.get("price", session["price"])
        customer = session["customer"] or self.make("customer", "cus", metadata={}, email="")["id"]
        session["customer"] = customer
        subscription = self._subscribe(session, price, card) if price["interval"] else None
        line = self._line(session, price, subscription, percent or session["percent"])
        invoice = self._bill(session, [line], subscription, "first", tax=session["collect_tax"])
        self.tell(
            "session.completed",
            session,
            status="complete",
            payment="none_due" if line["trial"] else "paid",
            subscription=subscription["id"] if subscription else "",
            invoice=invoice["id"],
        )
        if subscription:
            self.tell("subscription.started", subscription)
        return session

    def begin_slowly(self, session: Document, *, arrives: bool) -> None:
        """The buyer is done with the page, and the money comes in some days, or does not."""
        price = self.get("price", session["price"])
        session["customer"] = session["customer"] or self.make("customer", "cus", metadata={}, email="")["id"]
        line = self._line(session, price, None, session["percent"])
        waiting = {"slow": True, "arrives": arrives, "arrives_at": self.now + SLOW_DAYS * DAY}
        invoice = self._bill(session, [line], None, "first", tax=session["collect_tax"], **waiting)
        self.tell("session.completed", session, status="complete", payment="unpaid", invoice=invoice["id"])

    def _arrive(self, invoice: Document) -> None:
        """The money of a slow method comes, or does not."""
        invoice["slow"] = False
        session = next(one for one in self.all("session") if one.get("invoice") == invoice["id"])
        if not invoice["arrives"]:
            self.tell("invoice.written_off", invoice, status="void", action="")
            return
        self.tell(
            "invoice.paid", invoice, status="paid", paid=invoice["total"], paid_at=self.now + 1, action=""
        )
        self.tell("session.updated", session, payment="paid")

    def _subscribe(self, session: Document, price: Document, card: str) -> Document:
        trial_end = self.now + session["trial_days"] * DAY if session["trial_days"] else None
        return self.make(
            "subscription",
            "sub",
            status="trialing" if trial_end else "active",
            customer=session["customer"],
            items=[_item(price, session["quantity"], session["currency"])],
            period_start=self.now,
            period_end=trial_end or _next(self.now, price),
            started_at=self.now,
            trial_end=trial_end,
            cancel_at=None,
            ended_at=None,
            resumes_at=None,
            collecting=True,
            next_items=[],
            next_items_at=None,
            pause_at=None,
            pending=0,
            card=card,
            metadata=session["metadata"],
        )

    def _line(
        self, session: Document, price: Document, subscription: Document | None, percent: int
    ) -> Document:
        trial = bool(subscription and subscription["status"] == "trialing")
        item = _item(price, session["quantity"], session["currency"])
        amount = item["unit_amount"] * item["quantity"] * (100 - percent) // 100
        return _of_period(item, 0 if trial else amount, subscription) | {"trial": trial}

    # --- bills -----------------------------------------------------------------------------------

    def _bill(
        self,
        of: Document,
        lines: list[Document],
        subscription: Document | None,
        reason: str,
        *,
        tax: bool = False,
        **waiting: object,
    ) -> Document:
        """A bill, paid at once if the card allows it, or waiting for money that is under way."""
        amount = max(sum(one["amount"] for one in lines), 0)
        total = amount + (amount * TAX_PERCENT // 100 if tax else 0)
        refused = bool(waiting) or bool(total and subscription and subscription["card"] == "bad")
        invoice = self.make(
            "invoice",
            "in",
            status="open" if refused else "paid",
            reason=reason,
            customer=of["customer"],
            currency=lines[0]["currency"],
            total=total,
            paid=0 if refused else total,
            paid_at=None if refused else self.now,
            due_at=self.now,
            action="update_card" if refused and not waiting else "",
            lines=lines,
            subscription=subscription["id"] if subscription else "",
            metadata=of["metadata"],
            **({"slow": False} | waiting),
        )
        return self.tell("invoice.failed" if refused else "invoice.paid", invoice)

    def mend_card(self, subscription: Document) -> None:
        """The customer gives a card that pays, and what is open is paid."""
        subscription["card"] = "good"
        for invoice in self.all("invoice", subscription=subscription["id"], status="open"):
            self.tell(
                "invoice.paid",
                invoice,
                status="paid",
                paid=invoice["total"],
                paid_at=self.now + 1,
                action="",
            )
        self.tell("subscription.updated", subscription, status="active")

    # --- time ------------------------------------------------------------------------------------

    def advance(self, seconds: int) -> None:
        """Time passes; what falls due happens at its own instant."""
        end = Instant(self.now + seconds * SECOND)
        while True:
            due = [(at, one["id"]) for one in self.documents.values() if (at := _due_at(one)) and at <= end]
            if not due:
                break
            at, identifier = min(due)
            self.now = Instant(max(self.now, at))
            self._fall_due(self.documents[identifier], Instant(at))
        self.now = Instant(max(self.now, end))

    def _fall_due(self, one: Document, at: Instant) -> None:
        if one["object"] == "session":
            self.tell("session.expired", one, status="expired")
        elif one["object"] == "invoice" and one["slow"]:
            self._arrive(one)
        elif one["object"] == "invoice":
            self.tell("invoice.written_off", one, status="uncollectible", action="")
            self.end(self.get("subscription", one["subscription"]), self.now)
        elif one["status"] == "paused":
            self.resume(one, new_period=True)
        elif one["resumes_at"] == at:
            self.tell("subscription.updated", one, collecting=True, resumes_at=None)
        elif one["cancel_at"] == at:
            self.end(one, at)
        elif one["pause_at"] == at:
            self.tell("subscription.paused", one, status="paused", pause_at=None)
        else:
            self._renew(one)

    def _renew(self, subscription: Document) -> None:
        if subscription["next_items"]:
            subscription.update(items=subscription["next_items"], next_items=[], next_items_at=None)
        price = self.get("price", subscription["items"][0]["price"])
        start = Instant(subscription["period_end"])
        subscription.update(period_start=start, period_end=_next(start, price))
        status = "active"
        if subscription["collecting"]:
            status = "active" if self._charge_period(subscription)["status"] == "paid" else "past_due"
        self.tell("subscription.renewed", subscription, status=status)

    def _charge_period(self, subscription: Document) -> Document:
        item = subscription["items"][0]
        lines = [_of_period(item, item["unit_amount"] * item["quantity"], subscription)]
        if subscription["pending"]:
            lines.append(lines[0] | {"amount": subscription["pending"], "proration": True})
        subscription["pending"] = min(sum(one["amount"] for one in lines), 0)
        return self._bill(subscription, lines, subscription, "renewal")

    def end(self, subscription: Document, ended_at: int) -> Document:
        """It is over, for good."""
        return self.tell(
            "subscription.ended", subscription, status="canceled", cancel_at=None, ended_at=ended_at
        )

    # --- changes ---------------------------------------------------------------------------------

    def alive(self, identifier: str) -> Document:
        """A subscription that is not over. Raises Refusal."""
        subscription = self.get("subscription", identifier)
        if subscription["status"] == "canceled":
            raise Refusal(400, "over")
        return subscription

    def difference(self, subscription: Document, price: Document, quantity: int, at: int) -> int:
        """What a change costs more for the rest of the period; negative if it costs less."""
        old = subscription["items"][0]
        whole = subscription["period_end"] - subscription["period_start"]
        more = price["unit_amount"] * quantity - old["unit_amount"] * old["quantity"]
        return int(more * (subscription["period_end"] - at) // whole)

    def change(
        self,
        subscription: Document,
        price: Document,
        quantity: int,
        proration: str,
        *,
        at: int,
        at_period_end: bool,
    ) -> Document:
        """Another price or quantity: paid for first."""
        items = [_item(price, quantity)]
        if at_period_end:
            later = {"next_items": items, "next_items_at": subscription["period_end"]}
            return self.tell("subscription.updated", subscription, **later)
        difference = self.difference(subscription, price, quantity, at)
        if proration == "now" and difference > 0:
            if subscription["card"] == "bad":
                raise Refusal(402, "declined")
            line = _of_period(items[0], difference, subscription) | {"proration": True}
            self._bill(subscription, [line], subscription, "change")
        elif proration != "none":
            subscription["pending"] += difference
        return self.tell("subscription.updated", subscription, items=items)

    def resume(self, subscription: Document, *, new_period: bool) -> Document:
        """It goes on."""
        changes: Document = {"status": "active", "collecting": True, "resumes_at": None}
        if new_period and subscription["status"] == "paused":
            price = self.get("price", subscription["items"][0]["price"])
            subscription.update(period_start=self.now, period_end=_next(self.now, price))
            self._charge_period(subscription)
        return self.tell("subscription.resumed", subscription, **changes)


def _due_at(one: Document) -> int | None:
    """When something happens to a document by itself."""
    due: int | None = None
    match one["object"], one.get("status"):
        case "session", "open":
            due = one["expires_at"]
        case "invoice", "open":
            due = one["arrives_at"] if one["slow"] else one["due_at"] + DUNNING_DAYS * DAY
        case "subscription", "paused":
            due = one["resumes_at"]
        case "subscription", status if status != "canceled":
            due = min(one["period_end"], one["resumes_at"] or one["period_end"])
    return due


def _next(start: Instant, price: Document) -> Instant:
    return period_start(start, Interval(price["interval"]), 1)


def _item(price: Document, quantity: int, currency: str = "") -> Document:
    amounts = {price["currency"]: price["unit_amount"], **price["overrides"]}
    currency = currency or price["currency"]
    fields = {"unit_amount": amounts[currency], "currency": currency}
    return {"price": price["id"], "quantity": quantity, **fields}


def _of_period(item: Document, amount: int, subscription: Document | None) -> Document:
    return {
        **item,
        "amount": amount,
        "period_start": subscription and subscription["period_start"],
        "period_end": subscription and subscription["period_end"],
        "proration": False,
        "trial": False,
    }
