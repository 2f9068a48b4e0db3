"""Bugs of reading: what an event is taken to say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import count
from typing import Any, TypeVar

import attrs
from msgspec.structs import replace

from planted.tiny.adapter import TinyProvider
from planted.tiny.documents import TYPES, Invoice
from purchase_core.errors import MalformedBody
from purchase_core.facts.bodies import Body, InvoiceSeen, RefundSeen, SessionSeen, SubscriptionSeen
from purchase_core.facts.fact import Fact, seen
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import Event, Normalised, OurReference

B = TypeVar("B")


class _ChangesFacts(TinyProvider):
    """Passes every body through `changed`, under the same order and finality."""

    def fact(self, kind: str, document: Any, order: Instant) -> Fact:
        fact = super().fact(kind, document, order)
        return seen(fact.connection, fact.order, self.changed(fact.body), final=fact.final)

    def changed(self, body: Any) -> Any:
        raise NotImplementedError


# --- events --------------------------------------------------------------------------------------


class HasNoClock(TinyProvider):
    """An event happened whenever it happened."""

    def parse(self, body: bytes) -> Event:
        return attrs.evolve(super().parse(body), occurred_at=Instant(0))


class LeavesOutTheConnection(TinyProvider):
    """Objects of two accounts have one key."""

    def parse(self, body: bytes) -> Event:
        event = super().parse(body)
        kind, _, identifier = event.object.split(":", 2)
        return attrs.evolve(event, object=f"{kind}::{identifier}")


class CountsWhatItReads(TinyProvider):
    """Read again, an event has another id."""

    counter = count()

    def parse(self, body: bytes) -> Event:
        event = super().parse(body)
        return attrs.evolve(event, id=f"{event.id}-{next(self.counter)}")


class SaysTwoThingsAtOnce(TinyProvider):
    """Facts, and a reason to ignore them."""

    def normalise(self, event: Event) -> Normalised:
        return replace(super().normalise(event), ignored="nobody asked")


class RefusesUnknownTypes(TinyProvider):
    """What is not known is wrong."""

    def normalise(self, event: Event) -> Normalised:
        if event.type not in TYPES and event.type != "fetched":
            raise MalformedBody("an unknown type")
        return super().normalise(event)


class GuessesUnknownTypes(TinyProvider):
    """Whatever the type, there is an object."""

    def normalise(self, event: Event) -> Normalised:
        return super().normalise(attrs.evolve(event, type="fetched"))


class DecodesWithTheStandardLibrary(TinyProvider):
    """NaN, endless numbers and double keys are JSON enough."""

    def parse(self, body: bytes) -> Event:
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            raise MalformedBody("no JSON") from None
        if isinstance(document, dict):
            document.pop("x", None)
        try:
            return super().parse(json.dumps(document).encode())
        except (TypeError, ValueError):
            raise MalformedBody("no JSON") from None


class TrustsTheDocumentation(TinyProvider):
    """What is documented is there: a missing field is a KeyError."""

    def parse(self, body: bytes) -> Event:
        event = super().parse(body)
        payload: Any = event.payload
        payload["metadata"]["purchase_intent"].strip()
        return event


class LooseInvoice(Invoice):
    """An invoice whose amounts may be anything."""

    total: Any
    paid: Any


class KeepsNumbersAsTheyCome(TinyProvider):
    """An amount may be text, or a fraction."""

    def document(self, kind: str, payload: object) -> Any:
        return self.convert(payload, LooseInvoice) if kind == "invoice" else super().document(kind, payload)


class KeepsAnyText(TinyProvider):
    """NUL and lone surrogates are text too."""

    def check_text(self, body: Body) -> None:
        pass


# --- sales ---------------------------------------------------------------------------------------


class ForgetsItems(_ChangesFacts):
    """A subscription is a subscription."""

    def changed(self, body: Any) -> Any:
        return replace(body, items=()) if isinstance(body, SubscriptionSeen) else body


class CallsEveryInvoiceManual(_ChangesFacts):
    """Why there is an invoice does not matter."""

    def changed(self, body: Any) -> Any:
        return replace(body, reason="manual") if isinstance(body, InvoiceSeen) else body


class CallsEveryInvoiceTheFirst(_ChangesFacts):
    """A renewal is paid like the first time."""

    def changed(self, body: Any) -> Any:
        return replace(body, reason="first") if isinstance(body, InvoiceSeen) else body


class TakesOpenForComplete(_ChangesFacts):
    """A checkout that was opened is as good as done."""

    def changed(self, body: Any) -> Any:
        opened = isinstance(body, SessionSeen) and body.status == "open"
        return replace(body, status="complete") if opened else body


class KeysPaymentsByTheirEvents(TinyProvider):
    """Every event that tells of a payment is a payment."""

    def normalise(self, event: Event) -> Normalised:
        meaning = super().normalise(event)
        facts = tuple(
            seen(fact.connection, fact.order, replace(fact.body, id=event.id or fact.body.id))
            if isinstance(fact.body, InvoiceSeen)
            else fact
            for fact in meaning.facts
        )
        doubled = replace(facts[0].body, id=f"{event.id}-too") if facts else None
        if isinstance(doubled, InvoiceSeen):
            facts += (seen(self.connection.name, event.occurred_at, doubled),)
        return replace(meaning, facts=facts)


class OrdersByWholeSeconds(TinyProvider):
    """The order is the second, though the provider tells microseconds."""

    def normalise(self, event: Event) -> Normalised:
        whole = Instant(event.occurred_at // SECOND * SECOND)
        return super().normalise(attrs.evolve(event, occurred_at=whole))


class SellsOneAtATime(_ChangesFacts):
    """The quantity is one."""

    def changed(self, body: Any) -> Any:
        if isinstance(body, InvoiceSeen):
            return replace(body, lines=tuple(replace(line, quantity=1) for line in body.lines))
        return body


class TakesTrialsForPaid(_ChangesFacts):
    """A trial is an active subscription."""

    def changed(self, body: Any) -> Any:
        trial = isinstance(body, SubscriptionSeen) and body.status == "trialing"
        return replace(body, status="active") if trial else body


class CountsInHundredths(_ChangesFacts):
    """Every currency has cents."""

    def changed(self, body: Any) -> Any:
        if isinstance(body, InvoiceSeen) and body.currency in {"JPY", "KRW"}:
            return replace(body, total=body.total * 100, paid=body.paid * 100)
        return body


class BelievesAnyReference(TinyProvider):
    """Whoever writes our key into the metadata is us."""

    def ours(self, metadata: Mapping[str, object]) -> OurReference:
        return OurReference(str(metadata.get("purchase_intent", "")))


class ClaimsOthersCustomers(TinyProvider):
    """The claim of a customer is read from any project's metadata."""

    def normalise(self, event: Event) -> Normalised:
        meaning = super().normalise(event)
        return replace(meaning, claims=tuple(replace(one, customer="somebody") for one in meaning.claims))


class NamesThePluginInsteadOfTheConnection(TinyProvider):
    """Two accounts at one provider share their facts."""

    def fact(self, kind: str, document: Any, order: Instant) -> Fact:
        fact = super().fact(kind, document, order)
        return seen("stripe", fact.order, fact.body, final=fact.final)


class NothingIsFinal(_ChangesFacts):
    """A late "active" wakes what was cancelled."""

    def fact(self, kind: str, document: Any, order: Instant) -> Fact:
        return replace(TinyProvider.fact(self, kind, document, order), final=False)


class ForgetsScheduledCancellations(_ChangesFacts):
    """A cancellation counts when it has happened."""

    def changed(self, body: Any) -> Any:
        return replace(body, cancel_at=None) if isinstance(body, SubscriptionSeen) else body


class RefundsPayments(_ChangesFacts):
    """A refund names the payment, not the invoice."""

    def changed(self, body: Any) -> Any:
        return replace(body, invoice=f"pay_{body.invoice}") if isinstance(body, RefundSeen) else body


class KnowsOneRefundAnInvoice(_ChangesFacts):
    """A refund has the id of its invoice."""

    def changed(self, body: Any) -> Any:
        return replace(body, id=f"of_{body.invoice}") if isinstance(body, RefundSeen) else body
