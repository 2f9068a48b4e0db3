"""The provider's side: documents, events, keys. It answers (status, body), as HTTP would."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

from purchase_core.calendar import Interval, period_start
from purchase_core.instants import DAY, SECOND, Instant

Document = dict[str, Any]

API_KEYS = ("key-of-the-shop-f00d", "key-of-the-neighbour-beef")


class Refusal(Exception):  # an answer, not a mistake
    """A request that was understood and refused."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class TinyAccount:
    """One account: `call` is its only door for adapters; `pay` and `advance` are for its bench."""

    id = "acct_tiny"
    mode = "test"

    def __init__(self, now: Instant) -> None:
        self.now = now
        self.documents: dict[str, Document] = {}  # by id, in order of making
        self.events: list[Document] = []
        self.answers: dict[str, tuple[str, Document]] = {}  # by idempotency key

    # --- for adapters ----------------------------------------------------------------------------

    def call(self, api_key: str, operation: str, request: Document, key: str = "") -> tuple[int, bytes]:
        """Answer a request. The same key and request get the same answer again."""
        if api_key not in API_KEYS:
            return 401, b'{"code":"unknown_key"}'
        fingerprint = json.dumps([operation, request], sort_keys=True)
        if key in self.answers and key:
            known, answer = self.answers[key]
            return (200, _dump(answer)) if known == fingerprint else (409, b'{"code":"key_taken"}')
        try:
            handler: Callable[[Document], Document] = getattr(self, f"_{operation}")
            answer = copy.deepcopy(handler(request))
        except Refusal as refusal:
            return refusal.status, _dump({"code": refusal.code})
        if key:
            self.answers[key] = (fingerprint, answer)
        return 200, _dump(answer)

    def _get(self, request: Document) -> Document:
        found = self.documents.get(request["id"])
        if found is None or found["object"] != request["object"]:
            raise Refusal(404, "unknown_id")
        return found

    def _list(self, request: Document) -> Document:
        rows = self.events if request["object"] == "event" else list(self.documents.values())
        rows = [one for one in rows if one["object"] == request["object"]]
        wanted = request.get("metadata", {}).items()
        rows = [one for one in rows if wanted <= one.get("metadata", {}).items()]
        start = int(request.get("cursor") or 0)
        end = start + request.get("limit", 100)
        return {"data": rows[start:end], "cursor": str(end) if end < len(rows) else "", "now": self.now}

    def _make_customer(self, request: Document) -> Document:
        return self._make("customer", "cus", metadata=request["metadata"], email=request["email"])

    def _make_price(self, request: Document) -> Document:
        return self._make("price", "price", **request)

    def _make_session(self, request: Document) -> Document:
        self._get({"object": "price", "id": request["price"]})
        expires_at = self.now + DAY
        fields = {"status": "open", "payment": "unpaid", "subscription": "", "invoice": ""}
        session = self._make("session", "cs", **request, **fields, expires_at=expires_at)
        session["url"] = f"https://tiny.example/pay/{session['id']}"
        return self._tell("session.opened", session)

    def _expire_session(self, request: Document) -> Document:
        session = self._get({"object": "session", "id": request["id"]})
        if session["status"] != "open":
            raise Refusal(400, "not_open")
        return self._tell("session.expired", session, status="expired")

    def _cancel_subscription(self, request: Document) -> Document:
        subscription = self._get({"object": "subscription", "id": request["id"]})
        if request["at_period_end"]:
            return self._tell("subscription.updated", subscription, cancel_at=subscription["period_end"])
        return self._end(subscription, self.now)

    def _uncancel_subscription(self, request: Document) -> Document:
        subscription = self._get({"object": "subscription", "id": request["id"]})
        return self._tell("subscription.updated", subscription, cancel_at=None)

    def _change_subscription(self, request: Document) -> Document:
        subscription = self._get({"object": "subscription", "id": request["id"]})
        price = self._get({"object": "price", "id": request["price"]})
        return self._tell("subscription.updated", subscription, items=[_item(price, request["quantity"])])

    def _make_refund(self, request: Document) -> Document:
        invoice = self._get({"object": "invoice", "id": request["invoice"]})
        refunds = [one for one in self.documents.values() if one["object"] == "refund"]
        left = invoice["paid"] - sum(one["amount"] for one in refunds if one["invoice"] == invoice["id"])
        amount = left if request["amount"] is None else request["amount"]
        if not 0 < amount <= left:
            raise Refusal(400, "more_than_paid")
        fields = {"amount": amount, "currency": invoice["currency"], "status": "succeeded"}
        metadata = invoice["metadata"] | request["metadata"]
        refund = self._make("refund", "re", invoice=invoice["id"], metadata=metadata, **fields)
        return self._tell("refund.made", refund)

    def _make_portal(self, request: Document) -> Document:
        self._get({"object": "customer", "id": request["customer"]})
        return {"url": f"https://tiny.example/portal/{request['customer']}"}

    # --- for the bench ---------------------------------------------------------------------------

    def pay(self, session_id: str) -> None:
        """The buyer pays."""
        session = self._get({"object": "session", "id": session_id})
        if session["status"] != "open":
            raise Refusal(400, "not_open")
        price = self._get({"object": "price", "id": session["price"]})
        subscription = self._subscribe(session, price) if price["interval"] else None
        invoice = self._bill(session, price, subscription, "first")
        self._tell(
            "session.completed",
            session,
            status="complete",
            payment="none_due" if session["trial_days"] else "paid",
            subscription=subscription["id"] if subscription else "",
            invoice=invoice["id"],
        )
        if subscription:
            self._tell("subscription.started", subscription)

    def advance(self, seconds: int) -> None:
        """Time passes; what falls due happens at its own instant."""
        end = Instant(self.now + seconds * SECOND)
        while True:
            due = [one for one in self.documents.values() if self._falls_due(one, end)]
            if not due:
                break
            subscription = min(due, key=lambda one: one["period_end"])
            self.now = Instant(max(self.now, subscription["period_end"]))
            if subscription["cancel_at"] == subscription["period_end"]:
                self._end(subscription, subscription["cancel_at"])
            else:
                self._renew(subscription)
        self.now = Instant(max(self.now, end))

    def _falls_due(self, one: Document, end: Instant) -> bool:
        return bool(
            one["object"] == "subscription" and one["status"] != "canceled" and one["period_end"] <= end
        )

    def _subscribe(self, session: Document, price: Document) -> Document:
        trial_end = self.now + session["trial_days"] * DAY if session["trial_days"] else None
        return self._make(
            "subscription",
            "sub",
            status="trialing" if trial_end else "active",
            customer=session["customer"],
            items=[_item(price, session["quantity"])],
            period_start=self.now,
            period_end=trial_end or _next(self.now, price),
            started_at=self.now,
            trial_end=trial_end,
            cancel_at=None,
            ended_at=None,
            metadata=session["metadata"],
        )

    def _bill(self, of: Document, price: Document, subscription: Document | None, reason: str) -> Document:
        quantity = of["items"][0]["quantity"] if reason == "renewal" else of["quantity"]
        trial = bool(subscription and subscription["status"] == "trialing")
        amount = 0 if trial else price["unit_amount"] * quantity
        line = {
            **_item(price, quantity),
            "amount": amount,
            "period_start": subscription and subscription["period_start"],
            "period_end": subscription and subscription["period_end"],
            "trial": trial,
        }
        invoice = self._make(
            "invoice",
            "in",
            status="paid",
            reason=reason,
            customer=of["customer"],
            currency=price["currency"],
            total=amount,
            paid=amount,
            paid_at=self.now,
            lines=[line],
            subscription=subscription["id"] if subscription else "",
            metadata=of["metadata"],
        )
        return self._tell("invoice.paid", invoice)

    def _renew(self, subscription: Document) -> None:
        price = self._get({"object": "price", "id": subscription["items"][0]["price"]})
        start = Instant(subscription["period_end"])
        subscription.update(status="active", period_start=start, period_end=_next(start, price))
        self._bill(subscription, price, subscription, "renewal")
        self._tell("subscription.renewed", subscription)

    def _end(self, subscription: Document, ended_at: int) -> Document:
        return self._tell(
            "subscription.ended", subscription, status="canceled", cancel_at=None, ended_at=ended_at
        )

    # --- documents and events ----------------------------------------------------------------------

    def _make(self, kind: str, prefix: str, **fields: Any) -> Document:
        identifier = f"{prefix}_{len(self.documents) + 1}"
        made = {"object": kind, "id": identifier, **fields, "updated": self.now}
        self.documents[identifier] = made
        return made

    def _tell(self, type_: str, document: Document, **changes: Any) -> Document:
        self.now = Instant(self.now + 1)  # no two events of one instant
        document.update(changes, updated=self.now)
        event = {
            "object": "event",
            "id": f"evt_{len(self.events) + 1}",
            "type": type_,
            "created": self.now,
            "account": self.id,
            "mode": self.mode,
            "version": "1",
            "data": copy.deepcopy(document),
        }
        self.events.append(event)
        return document


def _next(start: Instant, price: Document) -> Instant:
    return period_start(start, Interval(price["interval"]), 1)


def _item(price: Document, quantity: int) -> Document:
    fields = {"unit_amount": price["unit_amount"], "currency": price["currency"]}
    return {"price": price["id"], "quantity": quantity, **fields}


def _dump(document: Document) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
