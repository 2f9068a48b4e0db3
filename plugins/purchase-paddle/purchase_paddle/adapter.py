"""The adapter: the provider port over Paddle's HTTP API.

What a call means stands here; how it is made, in `client.py`; which error comes of it, in `errors.py`; what a
document means, in `normalise.py`; customers, prices and refunds have files of their own.

Paddle has no idempotency keys: the `key` of an operation is not used. What must not be done twice carries our
reference, is sent once, and is looked for (`find_checkout`, `find_refund`) before anybody sends it again.
"""

from __future__ import annotations

from collections.abc import Sequence

from purchase_core.errors import MalformedBody, ProviderRefused
from purchase_core.facts.fact import Fact, object_key
from purchase_core.instants import Instant
from purchase_core.ports.provider import (
    EVENT_PAGE_MAX,
    AsgiApp,
    Attempts,
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
    PauseRequest,
    PortalRequest,
    ProviderCheckout,
    RefundRequest,
    WebhookEndpoint,
    calling,
    dashboard_page,
    needed_for_change,
    needed_for_checkout,
    needed_for_pause,
    needed_for_portal,
    reading,
)
from purchase_core.records.finding import INFO, Finding
from purchase_core.secret import Secret, checked_webhook_secret

from . import (
    answers,
    changes,
    checkouts,
    customers,
    documents,
    endpoints,
    normalise,
    portal,
    refunds,
    signature,
)
from .catalog import PaddleCatalog
from .client import Fields, PaddleClient, Query
from .config import API_VERSION, CAPABILITIES, PAGES, PLUGIN, PaddleConfig
from .documents import at
from .identifiers import safe

TEST = "test"
SIMULATED = "ntfsim"  # how the ids of events begin that Paddle's simulator sends, and nothing has happened
PATHS = {
    "transaction": "/transactions",
    "subscription": "/subscriptions",
    "adjustment": "/adjustments",
}
PER_PAGE_MAX = {"transaction": 30, "subscription": 200, "adjustment": 50}


class PaddleProvider(PaddleCatalog):
    """One connection to one Paddle account."""

    plugin = PLUGIN
    capabilities = CAPABILITIES
    needed_events = normalise.TYPES
    listed_kinds = (
        "subscription",
        "invoice",
        "refund",
    )  # a bill is its session too, an adjustment any of two
    signature_headers = (signature.FORM.header,)

    def __init__(
        self, connection: Connection, config: PaddleConfig, client: PaddleClient, secrets: Sequence[Secret]
    ) -> None:
        super().__init__(connection, config, client)
        name = f"a webhook secret of connection {connection.name!r}"
        self._secrets = tuple(checked_webhook_secret(name, one) for one in secrets)

    # --- pure ------------------------------------------------------------------------------------

    def verify(self, body: bytes, headers: Headers, *, now: Instant) -> None:
        signature.FORM.verify(body, headers, secrets=self._secrets, now=now)

    def parse(self, body: bytes) -> Event:
        event = reading.read(body, documents.Event)
        about = reading.convert(event.data, documents.Head)
        entity = event.event_type.partition(".")[0]
        # Paddle names neither account nor mode: the secret says whose event it is. What its simulator sends
        # never happened, and is a test wherever it comes from.
        simulated = event.event_id.startswith(SIMULATED)
        return Event(
            id=event.event_id,
            type=event.event_type,
            object=object_key(normalise.KIND_OF_ENTITY.get(entity, entity), self.connection.name, about.id),
            occurred_at=at(event.occurred_at),
            account=self.account,
            mode=TEST if simulated else self.connection.mode,
            api_version=API_VERSION,
            payload=event.data,
        )

    def parse_fetched(self, fetched: Fetched) -> Event:
        return reading.fetched_event(fetched, self.connection, account=self.account, api_version=API_VERSION)

    def normalise(self, event: Event) -> Normalised:
        if event.type == reading.FETCHED and not event.id:
            entity = normalise.ENTITY_OF_KIND.get(event.object.partition(":")[0], "")
            if not entity:
                return Normalised(ignored="such an object tells nothing about a sale")
            return normalise.normalised(entity, event.payload, event.occurred_at, self.connection)
        if event.type not in normalise.TYPES:
            return Normalised(ignored=f"{event.type} tells nothing about a sale")
        return normalise.normalised(event.type.partition(".")[0], event.payload, None, self.connection)

    def page_url(self, kind: str, provider_id: str) -> str:
        return dashboard_page(self.config.dashboard(self.connection.mode), PAGES, kind, provider_id)

    # --- awaited ---------------------------------------------------------------------------------

    async def fetch(self, kind: str, object_id: str) -> Fetched:
        entity = _entity(kind)
        identifier = safe(object_id)
        if entity == "adjustment":  # there is no call for one
            page = await self._client.page(PATHS[entity], [("id", identifier)])
            if not page.rows:
                raise ProviderRefused("there is no such adjustment", provider_code="not_found")
            body, as_of = page.rows[0], page.as_of
        else:
            answer = await self._client.raw(f"{PATHS[entity]}/{identifier}")
            body, as_of = answer.body, answer.as_of
        return _fetched(kind, body, as_of)

    async def ensure_customer(self, request: CustomerRequest, *, key: str) -> str:
        return await customers.customer(self._client, self.connection, request)

    async def create_checkout(self, request: CheckoutRequest, *, key: str) -> ProviderCheckout:
        self.need(*needed_for_checkout(request))
        fields = checkouts.fields(request, self.connection, self.config)
        made = await self._client.write("POST", "/transactions", fields, documents.Transaction)
        return self._checkout(made)

    async def transaction(self, identifier: str) -> documents.Transaction:
        """A transaction as it is now; what the checkout page asks for. Raises ProviderRefused."""
        return await self._client.read(f"/transactions/{safe(identifier)}", documents.Transaction)

    async def find_checkout(self, attempt: str) -> ProviderCheckout | None:
        found = await checkouts.find(self._client, self.connection, attempt)
        return None if found is None else self._checkout(found)

    async def aclose(self) -> None:
        await self._client.aclose()

    # --- subscriptions ---------------------------------------------------------------------------

    async def cancel_subscription(
        self, subscription: str, *, at_period_end: bool, key: str
    ) -> tuple[Fact, ...]:
        fields = {"effective_from": "next_billing_period" if at_period_end else "immediately"}
        return await self._change(f"{_subscription(subscription)}/cancel", fields, method="POST")

    async def uncancel_subscription(self, subscription: str, *, key: str) -> tuple[Fact, ...]:
        return await self._change(_subscription(subscription), {"scheduled_change": None})

    async def change_subscription(self, request: ChangeRequest, *, key: str) -> tuple[Fact, ...]:
        self.need(*needed_for_change(request))
        path = _subscription(request.subscription)
        present = await self._client.read(path, documents.Subscription)
        return await self._change(path, changes.fields(present, request))

    async def preview_change(self, request: ChangeRequest) -> ChangePreview:
        self.need(*needed_for_change(request))
        path = _subscription(request.subscription)
        present = await self._client.read(path, documents.Subscription)
        fields = changes.fields(present, request)
        return changes.preview(await self._client.ask(f"{path}/preview", fields, answers.Preview))

    async def pause_subscription(self, request: PauseRequest, *, key: str) -> tuple[Fact, ...]:
        self.need(*needed_for_pause(request))
        return await self._change(
            f"{_subscription(request.subscription)}/pause", changes.pause_fields(request), method="POST"
        )

    async def resume_subscription(self, subscription: str, *, new_period: bool, key: str) -> tuple[Fact, ...]:
        fields = changes.resume_fields(new_period=new_period)
        return await self._change(f"{_subscription(subscription)}/resume", fields, method="POST")

    # --- money back, pages, endpoints ------------------------------------------------------------

    async def refund(self, request: RefundRequest, *, key: str) -> tuple[Fact, ...]:
        made = await refunds.refund(self._client, self.connection, request)
        return normalise.adjustment(made, None, self.connection).facts

    async def find_refund(self, invoice: str, command: str) -> tuple[Fact, ...]:
        found = await refunds.find(self._client, self.connection, safe(invoice), command)
        return () if found is None else normalise.adjustment(found, None, self.connection).facts

    async def invoice_links(self, invoice: str) -> InvoiceLinks:
        path = f"/transactions/{safe(invoice)}"
        bill = await self._client.read(path, documents.Transaction)
        owed = bill.status in ("billed", "past_due") and bill.checkout is not None
        pay_url = (bill.checkout.url or "") if owed and bill.checkout else ""
        if not bill.invoice_number:
            return InvoiceLinks(pay_url=pay_url)
        document = await self._client.read(f"{path}/invoice", answers.Link)
        return InvoiceLinks(pay_url=pay_url, document_url=document.url)

    async def create_portal(self, request: PortalRequest) -> str:
        self.need(*needed_for_portal(request))
        path = f"/customers/{safe(request.customer)}/portal-sessions"
        fields = portal.fields(request)
        session = await self._client.write("POST", path, fields, answers.PortalSession)
        return portal.page(session, request)

    async def events(self, *, cursor: str, limit: int = EVENT_PAGE_MAX) -> EventPage:
        page = await self._client.page("/events", _window(cursor, limit))
        last = reading.read(page.rows[-1], documents.Event).event_id if page.rows else ""
        return EventPage(page.rows, last if page.has_more else "")

    async def objects(self, kind: str, *, cursor: str, limit: int = EVENT_PAGE_MAX) -> ObjectPage:
        entity = _entity(kind)
        page = await self._client.page(PATHS[entity], _window(cursor, min(limit, PER_PAGE_MAX[entity])))
        rows = tuple(_fetched(kind, row, page.as_of) for row in page.rows)
        return ObjectPage(rows, rows[-1].id if rows and page.has_more else "")

    async def customers(self, *, cursor: str, limit: int = EVENT_PAGE_MAX) -> CustomerPage:
        return await customers.listed(self._client, cursor, limit)

    async def find_customer(self, customer: str) -> ListedCustomer | None:
        return await customers.found(self._client, customer)

    async def endpoints(self) -> tuple[WebhookEndpoint, ...]:
        return await endpoints.listed(self._client)

    async def examine(self) -> Sequence[Finding]:
        message = (
            "recovery e-mails can revive a checkout that was withdrawn; whether they are on cannot be asked"
        )
        fix = "Look in Paddle's dashboard: Checkout, Checkout recovery."
        return (Finding("paddle.recovery", INFO, message, self.connection.name, fix=fix),)

    async def create_endpoint(self, url: str, *, key: str) -> WebhookEndpoint:
        return await endpoints.create(self._client, url, self.connection)

    # --- in the application ----------------------------------------------------------------------

    def checkout_page(self, attempts: Attempts) -> AsgiApp:
        from .page import CheckoutPage  # noqa: PLC0415  # templates are for those who serve the page

        return CheckoutPage(self, attempts=attempts)

    # --- answers ---------------------------------------------------------------------------------

    async def _change(self, path: str, fields: Fields, method: str = "PATCH") -> tuple[Fact, ...]:
        """Change a subscription. Its answer witnesses what its event tells, under the entity's own stamp."""
        after = await self._client.write(method, path, fields, documents.Subscription)
        return normalise.subscription(after, None, self.connection).facts

    def _checkout(self, made: documents.Transaction) -> ProviderCheckout:
        url = made.checkout.url if made.checkout else None
        facts = normalise.transaction(made, None, self.connection).facts
        return ProviderCheckout(made.id, url or "", None, facts)


def _subscription(identifier: str) -> str:
    return f"/subscriptions/{safe(identifier)}"


def _entity(kind: str) -> str:
    entity = normalise.ENTITY_OF_KIND.get(kind)
    if entity is None:
        raise ProviderRefused(f"Paddle has no objects of kind {kind[:32]!r}", provider_code="not_found")
    return entity


def _window(cursor: str, limit: int) -> Query:
    query = [("order_by", "id[ASC]"), ("per_page", str(min(limit, EVENT_PAGE_MAX)))]
    return [*query, ("after", cursor)] if cursor else query


def _fetched(kind: str, body: bytes, as_of: Instant) -> Fetched:
    """An entity as it was fetched. It has looked like this since its own stamp, and still did at `as_of`."""
    try:
        head = reading.read(body, documents.Head)
        since = at(head.updated_at) if head.updated_at else Instant(0)
    except MalformedBody as error:
        raise calling.unclear(kind, error.message, write=False) from None
    return Fetched(kind, head.id, max(since, as_of), body)
