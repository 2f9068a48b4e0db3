"""The provider's side: one door for requests, idempotency keys. It answers (status, body), as HTTP would."""

from __future__ import annotations

import json
from collections.abc import Callable

from purchase_core.instants import DAY, Instant
from purchase_core.ports.provider import Capabilities

from .billing import Billing
from .ledger import Document, Refusal, dump

API_KEYS = ("key-of-the-shop-f00d", "key-of-the-neighbour-beef")
LOCALES = ("en", "de", "pt-BR", "ja")
REASONS = ("requested", "duplicate", "fraudulent")


class TinyAccount(Billing):
    """One account: `call` is its only door for adapters; its other methods are for its bench.

    How it behaves follows from the traits that are declared of it.
    """

    def __init__(self, now: Instant, traits: Capabilities) -> None:
        super().__init__(now)
        self.traits = traits
        self.answers: dict[str, tuple[str, bytes]] = {}  # by idempotency key

    def call(self, api_key: str, operation: str, request: Document, key: str = "") -> tuple[int, bytes]:
        """Answer a request. The same key and request get the same answer again, where there are keys."""
        if api_key not in API_KEYS:
            return 401, b'{"code":"unknown_key"}'
        key = key if self.traits.key_lifetime_seconds else ""
        fingerprint = json.dumps([operation, request], sort_keys=True)
        if key in self.answers and key:
            known, answer = self.answers[key]
            return (200, answer) if known == fingerprint else (409, b'{"code":"key_taken"}')
        try:
            handler: Callable[[Document], Document] = getattr(self, f"_{operation}")
            answer = dump(handler(request))
        except Refusal as refusal:
            return refusal.status, dump({"code": refusal.code, **refusal.more})
        if key:
            self.answers[key] = (fingerprint, answer)
        return 200, answer

    def _get(self, request: Document) -> Document:
        return self.get(request["object"], request["id"])

    def _list(self, request: Document) -> Document:
        rows = self.events if request["object"] == "event" else self.all(request["object"])
        wanted = request.get("metadata", {}).items()
        rows = [one for one in rows if wanted <= one.get("metadata", {}).items()]
        start = int(request.get("cursor") or 0)
        end = start + request.get("limit", 100)
        return {"data": rows[start:end], "cursor": str(end) if end < len(rows) else "", "now": self.now}

    # --- what is sold ----------------------------------------------------------------------------

    def _make_customer(self, request: Document) -> Document:
        if self.traits.unique_emails:
            if not request["email"]:
                raise Refusal(400, "email_missing")
            for one in self.all("customer", email=request["email"]):
                raise Refusal(409, "email_taken", id=one["id"])
        fields = {"metadata": request["metadata"], "email": request["email"], "archived": False}
        return self.make("customer", "cus", **fields)

    def delete_customer(self, identifier: str) -> None:
        """Somebody deletes a customer, or puts it aside where an address stays with who has it."""
        customer = self.get("customer", identifier)
        if self.traits.unique_emails:
            customer["archived"] = True
        else:
            customer["object"] = "deleted customer"

    def _make_product(self, request: Document) -> Document:
        return self.make("product", "prod", active=True, **request)

    def _make_price(self, request: Document) -> Document:
        self.get("product", request["product"])
        return self.make("price", "price", active=True, **request)

    def _change(self, request: Document) -> Document:
        known = self.get(request["object"], request["id"])
        known.update(request)
        return known

    def _make_session(self, request: Document) -> Document:
        price = self.get("price", request["price"])
        if not price["active"]:
            raise Refusal(400, "archived")
        if request["customer"] and self.get("customer", request["customer"])["archived"]:
            raise Refusal(400, "archived")
        if request["quantity"] > price["quantity_max"]:
            raise Refusal(400, "too_many")
        if request["locale"] and request["locale"] not in LOCALES:
            raise Refusal(400, "unknown_locale")
        if request["currency"] not in {"", price["currency"], *price["overrides"]}:
            raise Refusal(400, "unknown_currency")
        discount = self.get("discount", request["discount"]) if request["discount"] else {"percent": 0}
        session = self.make(
            "session",
            "cs",
            **request
            | {"trial_days": price["trial_days"] if self.traits.price_trials else request["trial_days"]},
            percent=discount["percent"],
            status="open",
            payment="unpaid",
            subscription="",
            invoice="",
        )
        session["expires_at"] = request["expires_at"] or self.now + DAY
        session["url"] = f"https://tiny.example/pay/{session['id']}"
        return self.tell("session.opened", session)

    def _expire_session(self, request: Document) -> Document:
        session = self.get("session", request["id"])
        if session["status"] != "open":
            raise Refusal(400, "not_open")
        return self.tell("session.expired", session, status="expired")

    # --- subscriptions ---------------------------------------------------------------------------

    def _cancel_subscription(self, request: Document) -> Document:
        subscription = self.alive(request["id"])
        if request["at_period_end"]:
            return self.tell("subscription.updated", subscription, cancel_at=subscription["period_end"])
        return self.end(subscription, self.now)

    def _uncancel_subscription(self, request: Document) -> Document:
        return self.tell("subscription.updated", self.alive(request["id"]), cancel_at=None)

    def _change_subscription(self, request: Document) -> Document:
        return self.change(
            self.alive(request["id"]),
            self.get("price", request["price"]),
            request["quantity"],
            request["proration"],
            at=request["at"] or self.now,
            at_period_end=request["at_period_end"],
        )

    def _preview_change(self, request: Document) -> Document:
        subscription, price = self.alive(request["id"]), self.get("price", request["price"])
        difference = self.difference(subscription, price, request["quantity"], self.now)
        difference = 0 if request["proration"] == "none" or request["at_period_end"] else difference
        now = max(difference, 0) if request["proration"] == "now" else 0
        return {
            "due_now": now,
            "credit": max(-difference, 0),
            "renewal": price["unit_amount"] * request["quantity"] + difference - now,
            "renews_at": subscription["period_end"],
            "currency": price["currency"],
            "at": self.now,
        }

    def _pause_subscription(self, request: Document) -> Document:
        subscription = self.alive(request["id"])
        changes: Document = {"resumes_at": request["resumes_at"]}
        if request["collection_only"]:
            changes["collecting"] = False
        elif request["at_period_end"]:
            changes["pause_at"] = subscription["period_end"]
        else:
            changes["status"] = "paused"
        return self.tell("subscription.paused", subscription, **changes)

    def _resume_subscription(self, request: Document) -> Document:
        return self.resume(self.alive(request["id"]), new_period=request["new_period"])

    # --- money back ------------------------------------------------------------------------------

    def _make_refund(self, request: Document) -> Document:
        invoice = self.get("invoice", request["invoice"])
        known = self.all("refund", invoice=invoice["id"])
        if any(one["status"] == "pending" for one in known):
            raise Refusal(400, "one_is_pending")
        left = invoice["paid"] - sum(one["amount"] for one in known if one["status"] == "succeeded")
        amount = left if request["amount"] is None else request["amount"]
        if not 0 < amount <= left or request["reason"] not in REASONS:
            raise Refusal(400, "more_than_paid")
        status = "pending" if self.traits.refund_approval else "succeeded"
        fields = {"amount": amount, "currency": invoice["currency"], "status": status}
        metadata = invoice["metadata"] | request["metadata"]
        refund = self.make("refund", "re", invoice=invoice["id"], metadata=metadata, **fields)
        return self.tell("refund.made", refund)

    def settle_refund(self, identifier: str, status: str) -> None:
        """The provider, or a bank, decides on a refund."""
        self.tell("refund.settled", self.get("refund", identifier), status=status)

    def dispute(self, identifier: str, status: str) -> None:
        """A bank moves."""
        invoice = self.get("invoice", identifier)
        known = self.all("dispute", invoice=identifier)
        fields = {"amount": invoice["paid"], "currency": invoice["currency"], "metadata": invoice["metadata"]}
        dispute = known[0] if known else self.make("dispute", "dp", invoice=identifier, status="", **fields)
        self.tell("dispute.changed", dispute, status=status)

    # --- pages and endpoints ---------------------------------------------------------------------

    def _show_links(self, request: Document) -> Document:
        invoice = self.get("invoice", request["id"])
        page = f"https://tiny.example/invoices/{invoice['id']}"
        return {"pay": page if invoice["status"] == "open" else "", "document": f"{page}.pdf"}

    def _make_portal(self, request: Document) -> Document:
        self.get("customer", request["customer"])
        if request["flow"] != "overview":
            subscription = self.get("subscription", request["subscription"])
            if subscription["customer"] != request["customer"]:
                raise Refusal(404, "unknown_id")
        return {"url": f"https://tiny.example/portal/{request['customer']}/{request['flow']}"}

    def _make_endpoint(self, request: Document) -> Document:
        made = self.make("endpoint", "we", enabled=True, version=self.version, **request)
        return made | {"secret": f"whsec_{made['id']}_0123456789abcdefghijklmn"}
