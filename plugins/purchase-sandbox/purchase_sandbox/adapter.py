"""The adapter: the provider port over the sandbox's HTTP API.

It is also meant to be read by authors of other adapters. What a call means stands here; how it is made, in
`client.py`; which error comes of it, in `errors.py`; what a document means, in `normalise.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import attrs

from purchase_core.errors import MalformedBody, ProviderRefused
from purchase_core.facts.fact import Fact, object_key
from purchase_core.instants import Instant
from purchase_core.ports.provider import (
    EVENT_PAGE_MAX,
    Capability,
    ChangePreview,
    ChangeRequest,
    CheckoutRequest,
    Connection,
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
    PortalFlow,
    PortalRequest,
    ProviderCheckout,
    RefundRequest,
    WebhookEndpoint,
    calling,
    needed_for_change,
    needed_for_checkout,
    needed_for_pause,
    needed_for_portal,
    reading,
)
from purchase_core.secret import Secret, checked_webhook_secret

from . import documents, signature
from .catalog import SandboxCatalog, by_metadata, safe, window
from .client import Fields, SandboxClient
from .config import CAPABILITIES, PLUGIN
from .normalise import DOCUMENTS, KIND_OF_OBJECT, KIND_OF_TYPE, Readable, fact, normalised

PATHS: Mapping[str, str] = {
    "session": "/v1/checkout/sessions",
    "subscription": "/v1/subscriptions",
    "invoice": "/v1/invoices",
    "refund": "/v1/refunds",
    "dispute": "/v1/disputes",
}
FETCHED_API_VERSION = "fetched"

_DIGITS = re.compile(r"[0-9]{1,18}")


class SandboxProvider(SandboxCatalog):
    """One connection to one account of a sandbox."""

    plugin = PLUGIN
    capabilities = CAPABILITIES
    needed_events = frozenset(KIND_OF_TYPE)
    signature_headers = (signature.FORM.header,)

    def __init__(
        self, connection: Connection, account: str, client: SandboxClient, secrets: Sequence[Secret]
    ) -> None:
        super().__init__(connection, account, client)
        name = f"a webhook secret of connection {connection.name!r}"
        self._secrets = tuple(checked_webhook_secret(name, one) for one in secrets)

    # --- pure ------------------------------------------------------------------------------------

    def verify(self, body: bytes, headers: Headers, *, now: Instant) -> None:
        signature.FORM.verify(body, headers, secrets=self._secrets, now=now)

    def parse(self, body: bytes) -> Event:
        event = reading.read(body, documents.Event)
        about = reading.convert(event.data.object, documents.Head)
        kind = KIND_OF_OBJECT.get(about.object, about.object)
        return Event(
            id=event.id,
            type=event.type,
            object=object_key(kind, self.connection.name, about.id),
            occurred_at=Instant(event.created),
            account=event.account,
            mode=event.mode,
            api_version=event.api_version,
            payload=event.data.object,
        )

    def parse_fetched(self, fetched: Fetched) -> Event:
        return reading.fetched_event(
            fetched, self.connection, account=self.account, api_version=FETCHED_API_VERSION
        )

    def normalise(self, event: Event) -> Normalised:
        told = event.object.partition(":")[0] if _is_fetched(event) else KIND_OF_TYPE.get(event.type, "")
        if told not in DOCUMENTS:
            return Normalised(ignored=f"{event.type} tells nothing about a sale")
        return normalised(told, event.payload, event.occurred_at, self.connection)

    # --- awaited ---------------------------------------------------------------------------------

    async def fetch(self, kind: str, object_id: str) -> Fetched:
        answer = await self._client.read(f"{_path(kind)}/{safe(object_id)}")
        return Fetched(kind, object_id, answer.as_of, answer.body)

    async def ensure_customer(self, request: CustomerRequest, *, key: str) -> str:
        metadata = OurReference(customer=request.customer).metadata(self.connection)
        found = await self._client.find("/v1/customers", by_metadata(metadata, limit=1), documents.Customer)
        if found:
            return found[0].id
        fields: Fields = {"metadata": metadata, "email": request.email}
        return (await self._client.write("/v1/customers", fields, documents.Customer, key=key)).id

    async def create_checkout(self, request: CheckoutRequest, *, key: str) -> ProviderCheckout:
        self.need(*needed_for_checkout(request))
        fields: Fields = {
            "mode": request.mode,
            "price": request.price,
            "quantity": request.quantity,
            "customer": request.customer or None,
            "email": request.email,
            "success_url": request.success_url,
            "cancel_url": request.cancel_url,
            "trial_days": request.trial_days,
            "card_required": not request.trial_without_card,
            "discount": request.discount or None,
            "promotion_codes": request.promotion_codes,
            "locale": request.locale or None,
            "expires_at": request.expires_at,
            "metadata": request.reference.metadata(self.connection),
        }
        return self._checkout(
            await self._client.write("/v1/checkout/sessions", fields, documents.Session, key=key)
        )

    async def find_checkout(self, attempt: str) -> ProviderCheckout | None:
        query = by_metadata(OurReference(attempt=attempt).metadata(self.connection), limit=1)
        found = await self._client.find("/v1/checkout/sessions", query, documents.Session)
        return self._checkout(found[0]) if found else None

    async def aclose(self) -> None:
        await self._client.aclose()

    # --- subscriptions ---------------------------------------------------------------------------

    async def cancel_subscription(
        self, subscription: str, *, at_period_end: bool, key: str
    ) -> tuple[Fact, ...]:
        self.need(Capability.CANCEL_AT_PERIOD_END if at_period_end else Capability.CANCEL_NOW)
        return await self._act(subscription, "/cancel", {"at_period_end": at_period_end}, key)

    async def uncancel_subscription(self, subscription: str, *, key: str) -> tuple[Fact, ...]:
        self.need(Capability.UNCANCEL)
        return await self._act(subscription, "/uncancel", {}, key)

    async def change_subscription(self, request: ChangeRequest, *, key: str) -> tuple[Fact, ...]:
        self.need(*needed_for_change(request))
        fields: Fields = {
            "price": request.price,
            "quantity": request.quantity,
            "proration": request.proration.value,
            "at_period_end": request.at_period_end,
            "as_of": _as_of(request.preview),
        }
        return await self._act(request.subscription, "", fields, key)

    async def preview_change(self, request: ChangeRequest) -> ChangePreview:
        self.need(Capability.PREVIEW_CHANGE, *needed_for_change(request))
        path = f"/v1/subscriptions/{safe(request.subscription)}/preview"
        query = [
            ("price", request.price),
            ("quantity", str(request.quantity)),
            ("proration", request.proration.value),
            ("at_period_end", str(request.at_period_end).lower()),
        ]
        shown = await self._client.show(path, documents.Preview, query)
        return ChangePreview(
            currency=shown.currency,
            due_now=shown.due_now,
            credit=shown.credit,
            renewal=shown.renewal,
            renews_at=Instant(shown.renews_at),
            token=str(shown.as_of),
        )

    async def pause_subscription(self, request: PauseRequest, *, key: str) -> tuple[Fact, ...]:
        self.need(*needed_for_pause(request))
        fields: Fields = {
            "at_period_end": request.at_period_end,
            "resumes_at": request.resumes_at,
            "collection_only": request.collection_only,
        }
        return await self._act(request.subscription, "/pause", fields, key)

    async def resume_subscription(self, subscription: str, *, new_period: bool, key: str) -> tuple[Fact, ...]:
        self.need(Capability.PAUSE)
        return await self._act(subscription, "/resume", {"new_period": new_period}, key)

    # --- money back ------------------------------------------------------------------------------

    async def refund(self, request: RefundRequest, *, key: str) -> tuple[Fact, ...]:
        self.need(Capability.REFUND if request.amount is None else Capability.PARTIAL_REFUND)
        fields: Fields = {
            "invoice": request.invoice,
            "amount": request.amount,
            "reason": request.reason.value,
            "metadata": request.reference.metadata(self.connection),
        }
        return self._witness(
            "refund", await self._client.write("/v1/refunds", fields, documents.Refund, key=key)
        )

    async def find_refund(self, invoice: str, command: str) -> tuple[Fact, ...]:
        self.need(Capability.REFUND)
        query = by_metadata(OurReference(command=command).metadata(self.connection), limit=1)
        found = await self._client.find("/v1/refunds", [*query, ("invoice", invoice)], documents.Refund)
        return self._witness("refund", found[0]) if found else ()

    # --- pages and endpoints ---------------------------------------------------------------------

    async def expire_checkout(self, session: str, *, key: str) -> tuple[Fact, ...]:
        self.need(Capability.EXPIRE_CHECKOUT)
        path = f"/v1/checkout/sessions/{safe(session)}/expire"
        return self._witness("session", await self._client.write(path, {}, documents.Session, key=key))

    async def invoice_links(self, invoice: str) -> InvoiceLinks:
        self.need(Capability.INVOICE_LINKS)
        shown = await self._client.show(f"/v1/invoices/{safe(invoice)}/links", documents.Links)
        return InvoiceLinks(shown.pay_url or "", shown.document_url)

    async def create_portal(self, request: PortalRequest) -> str:
        self.need(*needed_for_portal(request))
        fields: Fields = {
            "customer": request.customer,
            "flow": request.flow.value,
            "subscription": None if request.flow is PortalFlow.OVERVIEW else request.subscription,
            "return_url": request.return_url or None,
        }
        made = await self._client.write("/v1/portal_sessions", fields, documents.PortalSession, key="")
        return made.url

    async def endpoints(self) -> tuple[WebhookEndpoint, ...]:
        self.need(Capability.WEBHOOK_ENDPOINTS)
        found = await self._client.find("/v1/webhook_endpoints", (), documents.Endpoint)
        return tuple(_endpoint(one) for one in found)

    async def create_endpoint(self, url: str, *, key: str) -> WebhookEndpoint:
        self.need(Capability.WEBHOOK_ENDPOINTS)
        fields: Fields = {"url": url, "events": sorted(KIND_OF_TYPE)}
        made = await self._client.write("/v1/webhook_endpoints", fields, documents.Endpoint, key=key)
        return attrs.evolve(_endpoint(made), secret=Secret(made.secret or ""))

    # --- lists -----------------------------------------------------------------------------------

    async def events(self, *, cursor: str, limit: int = EVENT_PAGE_MAX) -> EventPage:
        self.need(Capability.LIST_EVENTS)
        page, _ = await self._client.page("/v1/events", window(cursor, limit, EVENT_PAGE_MAX))
        return EventPage(tuple(bytes(row) for row in page.data), page.next_cursor or "")

    async def objects(self, kind: str, *, cursor: str, limit: int = EVENT_PAGE_MAX) -> ObjectPage:
        self.need(Capability.LIST_OBJECTS)
        page, as_of = await self._client.page(_path(kind), window(cursor, limit, EVENT_PAGE_MAX))
        rows = tuple(Fetched(kind, _id_of(row), as_of, row) for row in map(bytes, page.data))
        return ObjectPage(rows, page.next_cursor or "")

    async def customers(self, *, cursor: str, limit: int = EVENT_PAGE_MAX) -> CustomerPage:
        self.need(Capability.LIST_OBJECTS)
        path = "/v1/customers"
        page, _ = await self._client.page(path, window(cursor, limit, EVENT_PAGE_MAX))
        rows = [self._client.read_row(path, row, documents.Customer) for row in page.data]
        found = tuple(ListedCustomer(one.id, one.email, one.metadata) for one in rows)
        return CustomerPage(found, page.next_cursor or "")

    async def find_customer(self, customer: str) -> ListedCustomer | None:
        self.need(Capability.LIST_OBJECTS)
        path = f"/v1/customers/{safe(customer)}"
        try:
            found = await self._client.show(path, documents.Customer)
        except ProviderRefused as refused:
            if refused.provider_code != "not_found":
                raise
            return None
        return ListedCustomer(found.id, found.email, found.metadata)

    # --- answers ---------------------------------------------------------------------------------

    def _checkout(self, session: documents.Session) -> ProviderCheckout:
        facts = self._witness("session", session)
        return ProviderCheckout(session.id, session.url, Instant(session.expires_at), facts)

    async def _act(self, subscription: str, what: str, fields: Fields, key: str) -> tuple[Fact, ...]:
        path = f"/v1/subscriptions/{safe(subscription)}{what}"
        return self._witness(
            "subscription", await self._client.write(path, fields, documents.Subscription, key=key)
        )

    def _witness(self, kind: str, document: Readable) -> tuple[Fact, ...]:
        """What an answer witnessed, under the document's own stamp, as its event does: both are one fact."""
        return (fact(kind, document, Instant(document.updated), self.connection),)


def _is_fetched(event: Event) -> bool:
    return event.type == reading.FETCHED and not event.id


def _path(kind: str) -> str:
    if kind not in PATHS:
        raise ProviderRefused(f"the sandbox has no objects of kind {kind[:32]!r}", provider_code="not_found")
    return PATHS[kind]


def _as_of(preview: str) -> int | None:
    """The instant in the token of a preview. Raises ProviderRefused if it is none of ours."""
    if not preview:
        return None
    if not _DIGITS.fullmatch(preview):
        raise ProviderRefused("that is no preview of the sandbox", provider_code="invalid_request")
    return int(preview)


def _endpoint(document: documents.Endpoint) -> WebhookEndpoint:
    return WebhookEndpoint(
        document.id, document.url, document.enabled, tuple(document.events), document.api_version
    )


def _id_of(row: bytes) -> str:
    try:
        return reading.read(row, documents.Head).id
    except MalformedBody as error:
        raise calling.unclear("a list", error.message, write=False) from None
