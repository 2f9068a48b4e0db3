"""The adapter: the provider port over Stripe's API.

What a call means stands here and in `changing.py`; what is asked, in `asking.py`; what is looked up, in
`looking.py`; how a call is made, in `client.py`; which error comes of it, in `errors.py`; what an object
means, in `normalise.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from purchase_core.errors import InvalidArgument, MalformedBody, ProviderRefused
from purchase_core.facts.fact import Fact, object_key
from purchase_core.instants import SECOND, Instant, instant
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
    Need,
    Normalised,
    ObjectPage,
    OurReference,
    PauseRequest,
    PortalRequest,
    ProviderCheckout,
    RefundRequest,
    WebhookEndpoint,
    dashboard_page,
    needed_for_change,
    needed_for_checkout,
    needed_for_pause,
    needed_for_portal,
    reading,
)
from purchase_core.records.finding import WARNING, Finding
from purchase_core.secret import Secret, checked_webhook_secret
from purchase_core.strict_json import decode

from . import asking, documents, pending, signature
from .catalog import StripeCatalog
from .changing import Changing
from .client import StripeCalls, as_key
from .config import API_VERSION, CAPABILITIES, PAGES, PLUGIN, StripeConfig
from .looking import checked
from .normalise import FETCHED, KIND_OF_OBJECT, MEANING, fact_of

THIN = "v2.core.event"


class StripeProvider(StripeCatalog):
    """One connection to one account of Stripe."""

    plugin = PLUGIN
    capabilities = CAPABILITIES
    needed_events = frozenset(MEANING)
    endpoint_version = API_VERSION
    signature_headers = (signature.FORM.header,)

    def __init__(
        self, connection: Connection, config: StripeConfig, calls: StripeCalls, secrets: Sequence[Secret]
    ) -> None:
        super().__init__(connection, config.account, calls)
        name = f"a webhook secret of connection {connection.name!r}"
        self._secrets = tuple(checked_webhook_secret(name, one) for one in secrets)
        self._config = config
        self._changing = Changing(calls)

    # --- pure ------------------------------------------------------------------------------------

    def verify(self, body: bytes, headers: Headers, *, now: Instant) -> None:
        signature.FORM.verify(body, headers, secrets=self._secrets, now=now)

    def parse(self, body: bytes) -> Event:
        document = decode(body)
        if reading.convert(document, documents.Head).object == THIN:
            return self._thin(reading.convert(document, documents.ThinEvent))
        event = reading.convert(document, documents.Event)
        if event.object != "event":
            raise MalformedBody("not an event")
        about = reading.convert(event.data.object, documents.Head)
        return Event(
            id=event.id,
            type=event.type,
            object=object_key(_kind(about.object), self.connection.name, about.id),
            occurred_at=Instant(event.created * SECOND),
            account=event.account if isinstance(event.account, str) else self.account,
            mode="live" if event.livemode else "test",
            api_version=event.api_version or "",
            payload=event.data.object,
        )

    def parse_fetched(self, fetched: Fetched) -> Event:
        return reading.fetched_event(fetched, self.connection, account=self.account, api_version=API_VERSION)

    def normalise(self, event: Event) -> Normalised:
        kind, _, identifier = event.object.split(":", 2)
        if event.type == reading.FETCHED and not event.id:
            meaning = FETCHED.get(kind)
        elif isinstance(event.payload, documents.ThinEvent):
            return _looked_up(kind, identifier, "a thin event")
        else:
            meaning = MEANING.get(event.type)
        if meaning is None:
            return Normalised(ignored=f"{event.type} tells nothing about a sale")
        if event.api_version != API_VERSION and kind in FETCHED:
            return _looked_up(
                kind, identifier, f"the event is of API version {event.api_version or 'unknown'}"
            )
        return meaning(event.payload, event.occurred_at, self.connection)

    def _thin(self, event: documents.ThinEvent) -> Event:
        related = event.related_object or documents.Related(id=event.id, type="event")
        try:
            occurred_at = instant(datetime.fromisoformat(event.created))
        except (ValueError, OverflowError, InvalidArgument):
            raise MalformedBody("the event has no time that can be read") from None
        return Event(
            id=event.id,
            type=event.type,
            object=object_key(_kind(related.type), self.connection.name, related.id),
            occurred_at=occurred_at,
            account=self.account,
            mode="live" if event.livemode else "test",
            api_version="",
            payload=event,
        )

    def page_url(self, kind: str, provider_id: str) -> str:
        return dashboard_page(self._config.dashboard(self.connection.mode), PAGES, kind, provider_id)

    # --- awaited ---------------------------------------------------------------------------------

    async def fetch(self, kind: str, object_id: str) -> Fetched:
        return await self._looking.fetch(kind, object_id)

    async def ensure_customer(self, request: CustomerRequest, *, key: str) -> str:
        """Found by search, which lags; or made under a key of the customer's own, which then finds it.

        For a day the key would give back one that was deleted since: whoever takes its place has another.
        """
        lookup = asking.reference(self.connection, "customer", request.customer)
        found = await self._looking.customer(lookup)
        if found and found not in request.instead_of:
            return found
        gone = sorted(request.instead_of)
        own_key = asking.reference(self.connection, "customer", request.customer, *gone) if gone else lookup
        metadata = OurReference(customer=request.customer).metadata(self.connection) | {asking.LOOKUP: lookup}
        made, _ = await self._calls.write(
            "create a customer",
            lambda stripe: stripe.v1.customers.create_async(
                {"metadata": metadata}, {"idempotency_key": own_key}
            ),
            documents.Head,
        )
        if request.email:
            # Apart, so that another address is not another request under the customer's key.
            await self._calls.write(
                "update a customer",
                lambda stripe: stripe.v1.customers.update_async(made.id, {"email": request.email}),
                documents.Head,
            )
        return made.id

    async def create_checkout(self, request: CheckoutRequest, *, key: str) -> ProviderCheckout:
        self.need(*needed_for_checkout(request))
        params = asking.checkout_params(request, request.reference.metadata(self.connection))
        made, as_of = await self._calls.write(
            "create a checkout session",
            lambda stripe: stripe.v1.checkout.sessions.create_async(params, {"idempotency_key": as_key(key)}),
            documents.Session,
        )
        return self._checkout(made, as_of)

    async def find_checkout(self, attempt: str) -> ProviderCheckout | None:
        found = await self._looking.session(OurReference(attempt=attempt).metadata(self.connection))
        return self._checkout(*found) if found else None

    async def aclose(self) -> None:
        await self._calls.aclose()

    # --- by capability: checkouts and subscriptions -----------------------------------------------

    async def expire_checkout(self, session: str, *, key: str) -> tuple[Fact, ...]:
        made, as_of = await self._calls.write(
            "expire a checkout session",
            lambda stripe: stripe.v1.checkout.sessions.expire_async(
                checked(session), {}, {"idempotency_key": as_key(key)}
            ),
            documents.Session,
        )
        return (fact_of(made, as_of, self.connection),)

    async def cancel_subscription(
        self, subscription: str, *, at_period_end: bool, key: str
    ) -> tuple[Fact, ...]:
        cancel = self._changing.cancel_at_period_end if at_period_end else self._changing.cancel_now
        return await self._witness(await cancel(checked(subscription), key))

    async def uncancel_subscription(self, subscription: str, *, key: str) -> tuple[Fact, ...]:
        return await self._witness(await self._changing.uncancel(checked(subscription), key))

    async def change_subscription(self, request: ChangeRequest, *, key: str) -> tuple[Fact, ...]:
        self.need(*needed_for_change(request))
        if request.at_period_end:
            return await self._witness(await self._changing.plan(request, key))
        changed, as_of = await self._changing.change(request, key)
        if changed.pending_update is None:
            return await self._witness((changed, as_of))
        bill = await pending.bill_of(self._calls, self._looking, changed, key)
        seen = [await self.fetch("subscription", changed.id), *([bill] if bill else [])]
        return tuple(fact for one in seen for fact in self.normalise(self.parse_fetched(one)).facts)

    async def preview_change(self, request: ChangeRequest) -> ChangePreview:
        self.need(Capability.PREVIEW_CHANGE, *needed_for_change(request))
        return await self._changing.preview(request)

    async def pause_subscription(self, request: PauseRequest, *, key: str) -> tuple[Fact, ...]:
        self.need(*needed_for_pause(request))
        return await self._witness(await self._changing.pause(request, key))

    async def resume_subscription(self, subscription: str, *, new_period: bool, key: str) -> tuple[Fact, ...]:
        return await self._witness(
            await self._changing.resume(checked(subscription), key, new_period=new_period)
        )

    # --- by capability: money back and pages ------------------------------------------------------

    async def refund(self, request: RefundRequest, *, key: str) -> tuple[Fact, ...]:
        payments = await self._looking.payments_of_invoice(checked(request.invoice))
        intent = _paid_with(payments)
        params = asking.refund_params(request, intent, request.reference.metadata(self.connection))
        made, as_of = await self._calls.write(
            "create a refund",
            lambda stripe: stripe.v1.refunds.create_async(params, {"idempotency_key": as_key(key)}),
            documents.Refund,
        )
        return (fact_of(_of_invoice(made, payments), as_of, self.connection),)

    async def find_refund(self, invoice: str, command: str) -> tuple[Fact, ...]:
        payments = await self._looking.payments_of_invoice(checked(invoice))
        wanted = OurReference(command=command).metadata(self.connection)
        found = await self._looking.refund(_paid_with(payments), wanted)
        if found is None:
            return ()
        refund, as_of = found
        return (fact_of(_of_invoice(refund, payments), as_of, self.connection),)

    async def invoice_links(self, invoice: str) -> InvoiceLinks:
        found = await self._calls.read(
            "retrieve an invoice",
            lambda stripe: stripe.v1.invoices.retrieve_async(checked(invoice)),
            documents.Invoice,
        )
        pay = found.hosted_invoice_url if found.status in ("open", "uncollectible") else None
        return InvoiceLinks(pay or "", found.invoice_pdf or "")

    async def create_portal(self, request: PortalRequest) -> str:
        self.need(*needed_for_portal(request))
        params = asking.portal_params(request, self._config.portal_configuration)
        made, _ = await self._calls.write(
            "create a portal session",
            lambda stripe: stripe.v1.billing_portal.sessions.create_async(params),
            documents.Portal,
        )
        return made.url

    # --- by capability: lists and endpoints -------------------------------------------------------

    async def events(self, *, cursor: str, limit: int = EVENT_PAGE_MAX) -> EventPage:
        return await self._looking.events(cursor, min(limit, EVENT_PAGE_MAX))

    async def objects(self, kind: str, *, cursor: str, limit: int = EVENT_PAGE_MAX) -> ObjectPage:
        return await self._looking.objects(kind, cursor, min(limit, EVENT_PAGE_MAX))

    async def customers(self, *, cursor: str, limit: int = EVENT_PAGE_MAX) -> CustomerPage:
        rows, following = await self._looking.page(
            "customers",
            lambda stripe, params: stripe.v1.customers.list_async(params),  # type: ignore[arg-type]
            cursor,
            limit,
            documents.Customer,
        )
        return CustomerPage(tuple(map(_listed, rows)), following)

    async def find_customer(self, customer: str) -> ListedCustomer | None:
        found = await self._calls.found(
            "retrieve a customer",
            lambda stripe: stripe.v1.customers.retrieve_async(checked(customer)),
            documents.Customer,
        )
        return None if found is None or found.deleted else _listed(found)

    async def endpoints(self) -> tuple[WebhookEndpoint, ...]:
        return tuple(_endpoint(one) for one in await self._looking.endpoints())

    async def examine(self) -> Sequence[Finding]:
        if self._config.portal_configuration or await self._looking.portal_is_set_up():
            return ()
        message = "no settings of the customer portal are saved, so that no portal can be opened"
        fix = "Save them once in Stripe's Dashboard: Settings, Billing, Customer portal."
        return (Finding("stripe.portal", WARNING, message, self.connection.name, fix=fix),)

    async def create_endpoint(self, url: str, *, key: str) -> WebhookEndpoint:
        params = asking.endpoint_params(url, MEANING)
        made, _ = await self._calls.write(
            "create a webhook endpoint",
            lambda stripe: stripe.v1.webhook_endpoints.create_async(params, {"idempotency_key": as_key(key)}),
            documents.Endpoint,
        )
        return _endpoint(made)

    # --- answers ---------------------------------------------------------------------------------

    def _checkout(self, session: documents.Session, as_of: Instant) -> ProviderCheckout:
        fact = fact_of(session, as_of, self.connection)
        return ProviderCheckout(session.id, session.url or "", Instant(session.expires_at * SECOND), (fact,))

    async def _witness(self, answer: tuple[documents.Subscription, Instant]) -> tuple[Fact, ...]:
        """What an answer shows; looked up, where it does not show all."""
        document, as_of = answer
        meaning = FETCHED["subscription"]
        needed = document.items.has_more or isinstance(document.schedule, str)
        if not needed and all(
            one.price.amount_in(document.currency) is not None for one in document.items.data
        ):
            return (fact_of(document, as_of, self.connection),)
        fetched = await self.fetch("subscription", document.id)
        return meaning(decode(fetched.body), fetched.order, self.connection).facts


def _kind(name: str) -> str:
    return KIND_OF_OBJECT.get(name, name)


def _looked_up(kind: str, identifier: str, why: str) -> Normalised:
    if kind not in FETCHED:
        return Normalised(ignored=f"{why}, about a {kind}")
    return Normalised(needs=(Need(kind, identifier, why),))


def _paid_with(payments: documents.InvoicePayments) -> str:
    for one in payments.data:
        if one.status == "paid" and one.payment.payment_intent is not None:
            return documents.name_of(one.payment.payment_intent)
    raise ProviderRefused(
        "the invoice has no payment that could be refunded",
        provider_code="not_paid",
        hint="What was paid outside of Stripe is refunded there.",
    )


def _of_invoice(refund: documents.Refund, payments: documents.InvoicePayments) -> documents.OfInvoice:
    subject = msgspec.to_builtins(refund)
    return documents.OfInvoice(id=refund.id, object="refund", subject=subject, payments=payments)


def _listed(customer: documents.Customer) -> ListedCustomer:
    return ListedCustomer(customer.id, customer.email or "", customer.metadata or {})


def _endpoint(document: documents.Endpoint) -> WebhookEndpoint:
    secret = Secret(document.secret) if isinstance(document.secret, str) else None
    return WebhookEndpoint(document.id, document.url, document.status == "enabled",
                           tuple(document.enabled_events), document.api_version or "", secret)  # fmt: skip
