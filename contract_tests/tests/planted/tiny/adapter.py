"""The adapter: small, whole, and the thing that the planted bugs are planted in."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, TypeAlias, TypeVar

import attrs
import msgspec

from purchase_core.errors import (
    AuthenticationFailed,
    MalformedBody,
    OutcomeUnknown,
    ProviderRefused,
    ProviderUnavailable,
    SignatureInvalid,
)
from purchase_core.facts.bodies import Body
from purchase_core.facts.fact import Fact, object_key, seen
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import (
    SIGNATURE_WINDOW_SECONDS,
    Capabilities,
    Capability,
    ChangePreview,
    ChangeRequest,
    CheckoutRequest,
    Connection,
    CustomerClaim,
    CustomerPage,
    CustomerRequest,
    Event,
    EventPage,
    Fetched,
    Headers,
    InvoiceLinks,
    ListedCustomer,
    Normalised,
    ObjectPage,
    OurReference,
    PauseRequest,
    PortalRequest,
    ProviderCheckout,
    RefundRequest,
    WebhookEndpoint,
    needed_for_change,
    needed_for_checkout,
    needed_for_pause,
    needed_for_portal,
)
from purchase_core.secret import Secret
from purchase_core.strict_json import decode

from .catalog import TinyCatalog
from .documents import KINDS, TYPES, Document, Head
from .listed import endpoint, listed_customer
from .texts import equal, optional, text, texts

D = TypeVar("D", bound="Document")

Send: TypeAlias = Callable[[str, str, dict[str, Any], str], tuple[int, bytes]]
"""(API key, operation, request, idempotency key) to (status, body). Raises OSError as sockets do."""

HEADER = "tiny-signature"
SIGNATURES_MAX = 10
READS = ("get", "list", "preview_change", "show_links", "make_portal")
FINAL = {("session", "expired"), ("subscription", "canceled")}


DECLARED = frozenset(Capability) - {Capability.COUNTRY_OVERRIDES}


class TinyProvider(TinyCatalog):
    """An adapter for a tiny account."""

    plugin = "tiny"
    capabilities = Capabilities(DECLARED, key_lifetime_seconds=86_400)
    signature_headers = (HEADER,)

    def __init__(
        self, connection: Connection, account: str, send: Send, api_key: Secret, secrets: Sequence[Secret]
    ) -> None:
        super().__init__(connection, account)
        self._send = send
        self._api_key = api_key
        self._secrets = tuple(secrets)

    # --- pure ------------------------------------------------------------------------------------

    def verify(self, body: bytes, headers: Headers, *, now: Instant) -> None:
        values = [value for name, value in headers if name == HEADER]
        if len(values) != 1:
            raise SignatureInvalid(f"there must be one header {HEADER}")
        time, _, signatures = values[0].partition(";")
        self.check_time(self.time_of(time), now)
        given = [item.removeprefix("v1=") for item in signatures.split(",") if item.startswith("v1=")]
        expected = [self.signature(secret, time, body) for secret in self._secrets]
        matches = [equal(one, other) for one in given[:SIGNATURES_MAX] for other in expected]
        if not any(matches):
            raise SignatureInvalid("no signature matches")

    def time_of(self, item: str) -> int:
        """Seconds of `t=<seconds>`."""
        text = item.removeprefix("t=")
        if not (item.startswith("t=") and text.isascii() and text.isdigit() and len(text) <= 11):
            raise SignatureInvalid("the time of the signature cannot be read")
        return int(text)

    def check_time(self, seconds: int, now: Instant) -> None:
        """Refuse what is too old or too new."""
        if abs(now - seconds * SECOND) > SIGNATURE_WINDOW_SECONDS * SECOND:
            raise SignatureInvalid("the signature is too old, or too new")

    def signature(self, secret: Secret, time: str, body: bytes) -> str:
        """The hexadecimal digest over time and raw bytes."""
        return hmac.new(secret.reveal().encode(), f"{time};".encode() + body, sha256).hexdigest()

    def parse(self, body: bytes) -> Event:
        head = self.convert(decode(body), Head)
        kind = head.data.get("object", "")
        key = object_key(text(kind), self.connection.name, text(head.data.get("id")))
        created = Instant(head.created)
        written = (head.id, head.type, head.account, head.mode, head.version)
        identity, type_, account, mode, version = map(text, written)
        return Event(identity, type_, key, created, account, mode, version, head.data)

    def parse_fetched(self, fetched: Fetched) -> Event:
        data = decode(fetched.body)
        key = object_key(fetched.kind, self.connection.name, fetched.id)
        return Event("", "fetched", key, fetched.order, self.account, self.connection.mode, "1", data)

    def normalise(self, event: Event) -> Normalised:
        kind = event.object.partition(":")[0]
        if event.type not in TYPES and event.type != "fetched":
            return Normalised(ignored="a type that means nothing here")
        document = self.document(kind, event.payload)
        ours = self.ours(document.metadata)
        provider_customer = getattr(document, "customer", "")
        claims = (CustomerClaim(provider_customer, ours.customer),) if ours.customer else ()
        return Normalised((self.fact(kind, document, event.occurred_at),), claims)

    def ours(self, metadata: Mapping[str, object]) -> OurReference:
        """Our reference in some metadata."""
        found = OurReference.read(metadata, self.connection)
        written = (found.intent, found.attempt, found.customer, "", found.command)
        return OurReference(*(optional(one) for one in written))

    def document(self, kind: str, payload: object) -> Any:
        """A document of a kind that means something."""
        if kind not in KINDS:
            raise MalformedBody("an event of a known type without its object")
        return self.convert(payload, KINDS[kind])

    def fact(self, kind: str, document: Any, order: Instant) -> Fact:
        """What the document shows."""
        body = document.seen(self.ours(document.metadata))
        self.check_text(body)
        return seen(self.connection.name, order, body, final=(kind, body.status) in FINAL)

    def check_text(self, body: Body) -> None:
        """Refuse text that could not be stored, and an object without an id."""
        text(body.id)
        for one in texts(msgspec.to_builtins(body)):
            optional(one)

    def convert(self, value: object, kind: type[D] | type[Head]) -> Any:
        """The value as a document."""
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            raise MalformedBody(f"not a {kind.__name__}") from error

    # --- awaited ---------------------------------------------------------------------------------

    async def fetch(self, kind: str, object_id: str) -> Fetched:
        document = self.call("get", {"object": kind, "id": object_id})
        order = self.call("list", {"object": kind, "limit": 1})["now"]
        return Fetched(kind, object_id, Instant(order), json.dumps(document).encode())

    async def ensure_customer(self, request: CustomerRequest, *, key: str) -> str:
        metadata = OurReference(customer=request.customer).metadata(self.connection)
        found = self.find("customer", metadata)
        if found and not found["archived"]:
            return str(found["id"])
        try:
            made = self.call("make_customer", {"metadata": metadata, "email": request.email}, key)
        except ProviderRefused as refused:
            if refused.provider_code != "email_taken":
                raise
            made = self.customer_of(request.email)  # somebody else's address too: shared, and not renamed
        if made["archived"]:
            raise ProviderRefused("who has the address is archived", provider_code="archived")
        return str(made["id"])

    def customer_of(self, email: str) -> dict[str, Any]:
        """The one customer with an address, where addresses are unique."""
        found = self.call("list", {"object": "customer"})["data"]
        return next(one for one in found if one["email"] == email)

    async def create_checkout(self, request: CheckoutRequest, *, key: str) -> ProviderCheckout:
        self.need(*needed_for_checkout(request))
        fields = {
            "price": request.price,
            "quantity": request.quantity,
            "customer": request.customer,
            "trial_days": request.trial_days,
            "cardless": request.trial_without_card,
            "currency": request.currency,
            "discount": request.discount,
            "codes": request.promotion_codes,
            "collect_tax": request.collect_tax,
            "locale": request.locale,
            "expires_at": request.expires_at,
            "urls": [request.success_url, request.cancel_url],
            "metadata": request.reference.metadata(self.connection),
        }
        return self.checkout(self.call("make_session", fields, key))

    async def find_checkout(self, attempt: str) -> ProviderCheckout | None:
        metadata = OurReference(attempt=attempt).metadata(self.connection)
        found = self.find("session", metadata)
        return self.checkout(found) if found else None

    async def aclose(self) -> None:
        pass

    # --- by capability ---------------------------------------------------------------------------

    async def expire_checkout(self, session: str, *, key: str) -> tuple[Fact, ...]:
        self.need(Capability.EXPIRE_CHECKOUT)
        return self.facts("session", self.call("expire_session", {"id": session}, key))

    async def cancel_subscription(
        self, subscription: str, *, at_period_end: bool, key: str
    ) -> tuple[Fact, ...]:
        self.need(Capability.CANCEL_AT_PERIOD_END if at_period_end else Capability.CANCEL_NOW)
        request = {"id": subscription, "at_period_end": at_period_end}
        return self.facts("subscription", self.call("cancel_subscription", request, key))

    async def uncancel_subscription(self, subscription: str, *, key: str) -> tuple[Fact, ...]:
        self.need(Capability.UNCANCEL)
        return self.facts("subscription", self.call("uncancel_subscription", {"id": subscription}, key))

    async def change_subscription(self, request: ChangeRequest, *, key: str) -> tuple[Fact, ...]:
        self.need(*needed_for_change(request))
        return self.facts("subscription", self.call("change_subscription", _change(request), key))

    async def preview_change(self, request: ChangeRequest) -> ChangePreview:
        self.need(Capability.PREVIEW_CHANGE, *needed_for_change(request))
        shown = self.call("preview_change", _change(request))
        return ChangePreview(
            shown["currency"],
            shown["due_now"],
            shown["credit"],
            shown["renewal"],
            Instant(shown["renews_at"]),
            str(shown["at"]),
        )

    async def pause_subscription(self, request: PauseRequest, *, key: str) -> tuple[Fact, ...]:
        self.need(*needed_for_pause(request))
        fields = {
            "id": request.subscription,
            "at_period_end": request.at_period_end,
            "resumes_at": request.resumes_at,
            "collection_only": request.collection_only,
        }
        return self.facts("subscription", self.call("pause_subscription", fields, key))

    async def resume_subscription(self, subscription: str, *, new_period: bool, key: str) -> tuple[Fact, ...]:
        self.need(Capability.PAUSE)
        fields = {"id": subscription, "new_period": new_period}
        return self.facts("subscription", self.call("resume_subscription", fields, key))

    async def refund(self, request: RefundRequest, *, key: str) -> tuple[Fact, ...]:
        self.need(Capability.REFUND if request.amount is None else Capability.PARTIAL_REFUND)
        metadata = request.reference.metadata(self.connection)
        fields = {
            "invoice": request.invoice,
            "amount": request.amount,
            "reason": request.reason,
            "metadata": metadata,
        }
        return self.facts("refund", self.call("make_refund", fields, key))

    async def find_refund(self, invoice: str, command: str) -> tuple[Fact, ...]:
        found = self.find("refund", OurReference(command=command).metadata(self.connection))
        return self.facts("refund", found) if found else ()

    async def invoice_links(self, invoice: str) -> InvoiceLinks:
        self.need(Capability.INVOICE_LINKS)
        shown = self.call("show_links", {"id": invoice})
        return InvoiceLinks(shown["pay"], shown["document"])

    async def create_portal(self, request: PortalRequest) -> str:
        self.need(*needed_for_portal(request))
        fields = {
            "customer": request.customer,
            "flow": request.flow,
            "subscription": request.subscription,
            "return_url": request.return_url,
        }
        return str(self.call("make_portal", fields)["url"])

    async def endpoints(self) -> tuple[WebhookEndpoint, ...]:
        self.need(Capability.WEBHOOK_ENDPOINTS)
        return tuple(endpoint(one) for one in self.call("list", {"object": "endpoint"})["data"])

    async def create_endpoint(self, url: str, *, key: str) -> WebhookEndpoint:
        self.need(Capability.WEBHOOK_ENDPOINTS)
        made = self.call("make_endpoint", {"url": url, "events": sorted(TYPES)}, key)
        return attrs.evolve(endpoint(made), secret=Secret(made["secret"]))

    async def events(self, *, cursor: str, limit: int = 100) -> EventPage:
        self.need(Capability.LIST_EVENTS)
        page = self.call("list", {"object": "event", "cursor": cursor, "limit": limit})
        return EventPage(tuple(json.dumps(one).encode() for one in page["data"]), page["cursor"])

    async def objects(self, kind: str, *, cursor: str, limit: int = 100) -> ObjectPage:
        self.need(Capability.LIST_OBJECTS)
        page = self.call("list", {"object": kind, "cursor": cursor, "limit": limit})
        order = Instant(page["now"])
        rows = tuple(Fetched(kind, one["id"], order, json.dumps(one).encode()) for one in page["data"])
        return ObjectPage(rows, page["cursor"])

    async def customers(self, *, cursor: str, limit: int = 100) -> CustomerPage:
        self.need(Capability.LIST_OBJECTS)
        page = self.call("list", {"object": "customer", "cursor": cursor, "limit": limit})
        return CustomerPage(tuple(map(listed_customer, page["data"])), page["cursor"])

    async def find_customer(self, customer: str) -> ListedCustomer | None:
        self.need(Capability.LIST_OBJECTS)
        try:
            found = listed_customer(self.call("get", {"object": "customer", "id": customer}))
        except ProviderRefused as refused:
            if refused.provider_code != "unknown_id":
                raise
            return None
        return None if found.gone else found

    # --- calls -----------------------------------------------------------------------------------

    def checkout(self, session: Mapping[str, Any]) -> ProviderCheckout:
        """A session as an answer."""
        facts = self.facts("session", session)
        return ProviderCheckout(session["id"], session["url"], Instant(session["expires_at"]), facts)

    def facts(self, kind: str, document: Mapping[str, Any]) -> tuple[Fact, ...]:
        """What an answer witnessed: under the document's own time, as its event does."""
        return (self.fact(kind, self.document(kind, document), Instant(document["updated"])),)

    def find(self, kind: str, metadata: Mapping[str, str]) -> dict[str, Any] | None:
        """The first object with all of this metadata."""
        found = self.call("list", {"object": kind, "metadata": dict(metadata)})["data"]
        return found[0] if found else None

    def call(self, operation: str, request: dict[str, Any], key: str = "") -> dict[str, Any]:
        """Send a request; the one table from what comes back to our errors. A read has no outcome."""
        unclear = ProviderUnavailable if operation in READS else OutcomeUnknown
        try:
            status, body = self._send(self._api_key.reveal(), operation, request, key)
        except ConnectionRefusedError:
            raise ProviderUnavailable("nobody answers") from None
        except OSError:
            raise unclear("the connection was cut") from None
        if status == 429:
            raise ProviderUnavailable("too many requests", retry_after_seconds=1.0)
        try:
            answer = decode(body)
        except MalformedBody:
            raise unclear("the answer is no JSON") from None
        if status >= 500 or not isinstance(answer, dict):
            raise unclear(f"status {status}")
        if status != 200:
            kind = AuthenticationFailed if status == 401 else ProviderRefused
            raise kind(f"{operation} was refused", provider_code=str(answer.get("code", "")))
        return answer


def _change(request: ChangeRequest) -> dict[str, Any]:
    return {
        "id": request.subscription,
        "price": request.price,
        "quantity": request.quantity,
        "proration": request.proration,
        "at_period_end": request.at_period_end,
        "at": int(request.preview or 0),
    }
