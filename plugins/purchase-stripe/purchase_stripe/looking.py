"""What is looked up at Stripe: objects whole, lists to their end, and things of ours by our reference."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import msgspec

from purchase_core.errors import MalformedBody, ProviderRefused, ProviderUnavailable
from purchase_core.instants import Instant
from purchase_core.ports.provider import EventPage, Fetched, ObjectPage, calling, reading
from purchase_core.strict_json import decode

from . import asking, documents
from .client import StripeCalls

if TYPE_CHECKING:
    import stripe

PAGE = 100
PAGES_MAX = 200  # of one list, before it is given up: 20,000 objects
ITEMS = ["items.data.price.currency_options"]
SCHEDULE = ["schedule.phases.items.price"]
PAYMENTS = ["payments.data.payment.payment_intent"]

_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")

D = TypeVar("D", bound=documents.Head)
Params: TypeAlias = "dict[str, Any]"
"""Parameters of some list: the SDK types those of each on its own."""
Lister: TypeAlias = "Callable[[stripe.StripeClient, Params], Awaitable[stripe.StripeObject]]"

LISTS: Mapping[str, Lister] = {
    "session": lambda one, params: one.v1.checkout.sessions.list_async(params),  # type: ignore[arg-type]
    "subscription": lambda one, params: one.v1.subscriptions.list_async(params),  # type: ignore[arg-type]
    "invoice": lambda one, params: one.v1.invoices.list_async(params),  # type: ignore[arg-type]
    "refund": lambda one, params: one.v1.refunds.list_async(params),  # type: ignore[arg-type]
    "dispute": lambda one, params: one.v1.disputes.list_async(params),  # type: ignore[arg-type]
}
EXPANDED: Mapping[str, list[str]] = {
    "subscription": ["data.items.data.price.currency_options"],
    "invoice": ["data.payments"],
}


class Looking:
    """Look-ups of one connection."""

    def __init__(self, calls: StripeCalls) -> None:
        self._calls = calls

    # --- objects ---------------------------------------------------------------------------------

    async def fetch(self, kind: str, identifier: str) -> Fetched:
        """An object with all that its fact needs. Raises ProviderRefused if there is none."""
        name = checked(identifier)
        match kind:
            case "session":
                answer = await self._calls.raw(
                    "retrieve a checkout session",
                    lambda stripe: stripe.v1.checkout.sessions.retrieve_async(name),
                )
                return Fetched(kind, identifier, answer.as_of, answer.body)
            case "subscription":
                return await self._subscription(name)
            case "invoice":
                return await self._invoice(name)
            case "refund" | "dispute":
                return await self._of_invoice(kind, name)
            case _:
                raise ProviderRefused(f"Stripe has no objects of kind {kind[:32]!r} that facts are made of",
                                      provider_code="resource_missing")  # fmt: skip

    async def _subscription(self, name: str) -> Fetched:
        answer = await self._calls.raw(
            "retrieve a subscription",
            lambda stripe: stripe.v1.subscriptions.retrieve_async(name, {"expand": [*ITEMS, *SCHEDULE]}),
        )
        document = _object(answer.body)
        await self._complete(
            document,
            "items",
            lambda stripe, params: stripe.v1.subscription_items.list_async(
                {"subscription": name, "expand": ["data.price.currency_options"], **params}  # type: ignore[typeddict-item]
            ),
        )
        return Fetched("subscription", name, answer.as_of, msgspec.json.encode(document))

    async def _invoice(self, name: str) -> Fetched:
        answer = await self._calls.raw(
            "retrieve an invoice",
            lambda stripe: stripe.v1.invoices.retrieve_async(name, {"expand": PAYMENTS}),
        )
        document = _object(answer.body)
        await self._complete(
            document,
            "lines",
            lambda stripe, params: stripe.v1.invoices.line_items.list_async(name, params),  # type: ignore[arg-type]
        )
        return Fetched("invoice", name, answer.as_of, msgspec.json.encode(document))

    async def _of_invoice(self, kind: str, name: str) -> Fetched:
        def retrieve(stripe: stripe.StripeClient) -> Awaitable[stripe.StripeObject]:
            return (
                stripe.v1.refunds.retrieve_async(name)
                if kind == "refund"
                else stripe.v1.disputes.retrieve_async(name)
            )

        answer = await self._calls.raw(f"retrieve a {kind}", retrieve)
        return await self._with_payments(kind, answer.body, answer.as_of)

    async def _with_payments(self, kind: str, body: bytes, as_of: Instant) -> Fetched:
        subject = _object(body)
        read: type[documents.Refund | documents.Dispute]
        read = documents.Refund if kind == "refund" else documents.Dispute
        intent = documents.name_of(reading.convert(subject, read).payment_intent)
        payments = (
            await self._payments({"payment": {"type": "payment_intent", "payment_intent": intent}})
            if intent
            else []
        )
        name = str(subject["id"])
        whole = {"id": name, "object": kind, "subject": subject, "payments": {"data": payments}}
        return Fetched(kind, name, as_of, msgspec.json.encode(whole))

    async def _complete(self, document: dict[str, object], field: str, more: Lister) -> None:
        """Put the rest of a nested list into an object: ten of them are in it."""
        nested = document.get(field)
        if (
            not isinstance(nested, dict)
            or not nested.get("has_more")
            or not isinstance(nested.get("data"), list)
        ):
            return
        nested["data"] = [decode(bytes(row)) for row in await self._all(field, more)]
        nested["has_more"] = False

    # --- ours ------------------------------------------------------------------------------------

    async def customer(self, lookup: str) -> str:
        """The customer of a lookup hash, "" if search does not find one (yet)."""
        query = f"metadata['{asking.LOOKUP}']:'{lookup}'"
        try:
            page, _ = await self._calls.page(
                "search customers",
                lambda stripe: stripe.v1.customers.search_async({"query": query, "limit": 1}),
            )
        except ProviderRefused as refused:
            if refused.provider_code in ("invalid_request_error", "feature_not_available"):
                return ""  # where search is not to be had, the customer's key finds it, for a day
            raise
        return _head(page.data[0]).id if page.data else ""

    async def price(self, lookup: str) -> documents.CatalogPrice | None:
        """The price of a lookup key, archived or not."""
        page, _ = await self._calls.page(
            "list prices",
            lambda stripe: stripe.v1.prices.list_async({"lookup_keys": [lookup], "limit": 1}),
        )
        return _read(page.data[0], documents.CatalogPrice) if page.data else None

    async def catalog_price(self, identifier: str) -> documents.CatalogPrice:
        """The price of an id."""
        return await self._calls.read(
            "retrieve a price",
            lambda stripe: stripe.v1.prices.retrieve_async(identifier),
            documents.CatalogPrice,
        )

    async def product(self, identifier: str) -> documents.Product | None:
        """The product of an id."""
        return await self._calls.found(
            "retrieve a product",
            lambda stripe: stripe.v1.products.retrieve_async(identifier),
            documents.Product,
        )

    async def is_default(self, price: documents.CatalogPrice) -> bool:
        """Whether a price is the one that its product is shown with."""
        product = await self.product(documents.name_of(price.product))
        return product is not None and documents.name_of(product.default_price) == price.id

    async def page(
        self, what: str, lister: Lister, cursor: str, limit: int, kind: type[D]
    ) -> tuple[list[D], str]:
        """A page of a list, and the cursor of the next, "" at the end."""
        params: Params = {"limit": min(limit, PAGE), **({"starting_after": cursor} if cursor else {})}
        page, _ = await self._calls.page(f"list {what}", lambda stripe: lister(stripe, params))
        rows = [_read(row, kind) for row in page.data]
        return rows, rows[-1].id if page.has_more and rows else ""

    async def session(self, wanted: Mapping[str, str]) -> tuple[documents.Session, Instant] | None:
        """The newest checkout session with this metadata. Lists are the only way."""
        return await self._newest("session", {}, wanted, documents.Session)

    async def refund(self, intent: str, wanted: Mapping[str, str]) -> tuple[documents.Refund, Instant] | None:
        """The refund of a payment with this metadata."""
        return await self._newest("refund", {"payment_intent": intent}, wanted, documents.Refund)

    async def payments_of_invoice(self, invoice: str) -> documents.InvoicePayments:
        """All payments of an invoice."""
        rows = await self._payments({"invoice": invoice})
        return reading.convert({"data": rows}, documents.InvoicePayments)

    async def endpoints(self) -> list[documents.Endpoint]:
        """All webhook endpoints of the account."""
        rows = await self._all(
            "webhook endpoints",
            lambda stripe, params: stripe.v1.webhook_endpoints.list_async(params),  # type: ignore[arg-type]
        )
        return [_read(row, documents.Endpoint) for row in rows]

    async def portal_is_set_up(self) -> bool:
        """Whether the account's default settings of the customer portal were ever saved."""
        params: Params = {"is_default": True, "active": True, "limit": 1}
        page, _ = await self._calls.page(
            "list portal configurations",
            lambda stripe: stripe.v1.billing_portal.configurations.list_async(params),  # type: ignore[arg-type]
        )
        return bool(page.data)

    async def _payments(self, params: Params) -> list[object]:
        rows = await self._all(
            "invoice payments",
            lambda stripe, more: stripe.v1.invoice_payments.list_async({**params, **more}),  # type: ignore[arg-type]
        )
        return [decode(bytes(row)) for row in rows]

    async def _newest(
        self, kind: str, params: Params, wanted: Mapping[str, str], read: type[D]
    ) -> tuple[D, Instant] | None:
        after = ""
        for _ in range(PAGES_MAX):
            asked = {**params, "limit": PAGE, **({"starting_after": after} if after else {})}
            page, as_of = await self._calls.page(
                f"list {kind}s",
                lambda stripe, asked=asked: LISTS[kind](stripe, asked),  # type: ignore[misc]
            )
            for row in page.data:
                document = _read(row, read)
                if wanted.items() <= (getattr(document, "metadata", None) or {}).items():
                    return document, as_of
                after = document.id
            if not page.has_more or not page.data:
                return None
        raise ProviderUnavailable(f"list {kind}s: there are more than {PAGES_MAX * PAGE} to look through")

    # --- lists -----------------------------------------------------------------------------------

    async def objects(self, kind: str, cursor: str, limit: int) -> ObjectPage:
        """A page of all objects of a kind, newest first."""
        if kind not in LISTS:
            raise ProviderRefused(f"Stripe has no objects of kind {kind[:32]!r} that facts are made of",
                                  provider_code="resource_missing")  # fmt: skip
        params: Params = {"limit": limit, **({"starting_after": cursor} if cursor else {})}
        params |= {"status": "all"} if kind == "subscription" else {}
        params |= {"expand": EXPANDED[kind]} if kind in EXPANDED else {}
        page, as_of = await self._calls.page(f"list {kind}s", lambda stripe: LISTS[kind](stripe, params))
        rows = [await self._whole(kind, bytes(row), as_of) for row in page.data]
        return ObjectPage(tuple(rows), rows[-1].id if page.has_more and rows else "")

    async def _whole(self, kind: str, body: bytes, as_of: Instant) -> Fetched:
        if kind in ("refund", "dispute"):
            return await self._with_payments(kind, body, as_of)
        name = _head(msgspec.Raw(body)).id
        cut = b'"has_more":true' in body.replace(b" ", b"")
        scheduled = kind == "subscription" and isinstance(_object(body).get("schedule"), str)
        opened = kind == "invoice" and _object(body).get("status") == "open"
        return (
            await self.fetch(kind, name) if cut or scheduled or opened else Fetched(kind, name, as_of, body)
        )

    async def events(self, cursor: str, limit: int) -> EventPage:
        """A page of events, oldest first: lists come newest first, and can end before a cursor."""
        before = cursor or await self._oldest_event()
        if not before:
            return EventPage((), "")
        rows: list[bytes] = []
        if not cursor:
            answer = await self._calls.raw(
                "retrieve an event", lambda stripe: stripe.v1.events.retrieve_async(before)
            )
            rows, limit = [answer.body], limit - 1
        more = False
        if limit:
            page, _ = await self._calls.page(
                "list events",
                lambda stripe: stripe.v1.events.list_async({"limit": limit, "ending_before": before}),
            )
            rows += [bytes(row) for row in reversed(page.data)]
            more = page.has_more
        else:
            more = True
        return EventPage(tuple(rows), _head(msgspec.Raw(rows[-1])).id if more and rows else "")

    async def _oldest_event(self) -> str:
        after = ""
        for _ in range(PAGES_MAX):
            params: Params = {"limit": PAGE, **({"starting_after": after} if after else {})}
            page, _ = await self._calls.page(
                "list events",
                lambda stripe, params=params: stripe.v1.events.list_async(params),  # type: ignore[misc]
            )
            if page.data:
                after = _head(page.data[-1]).id
            if not page.has_more or not page.data:
                return after
        raise ProviderUnavailable(f"list events: there are more than {PAGES_MAX * PAGE} to look through")

    async def _all(self, what: str, lister: Lister) -> list[msgspec.Raw]:
        rows: list[msgspec.Raw] = []
        for _ in range(PAGES_MAX):
            params: Params = {"limit": PAGE, **({"starting_after": _head(rows[-1]).id} if rows else {})}
            page, _ = await self._calls.page(
                f"list {what}",
                lambda stripe, params=params: lister(stripe, params),  # type: ignore[misc]
            )
            rows += page.data
            if not page.has_more or not page.data:
                return rows
        raise ProviderUnavailable(f"list {what}: there are more than {PAGES_MAX * PAGE} to look through")


def checked(identifier: str) -> str:
    """An id that can stand in a path. Anything else is no id of Stripe's, and is not sent."""
    if not _ID.fullmatch(identifier):
        raise ProviderRefused("that is no id of an object of Stripe", provider_code="resource_missing")
    return identifier


def _head(row: msgspec.Raw) -> documents.Head:
    return _read(row, documents.Head)


def _read(row: msgspec.Raw, kind: type[D]) -> D:
    try:
        return reading.read(bytes(row), kind)
    except MalformedBody as error:
        raise calling.unclear("a list", error.message, write=False) from None


def _object(body: bytes) -> dict[str, object]:
    try:
        found = decode(body)
    except MalformedBody as error:
        raise calling.unclear("a look-up", error.message, write=False) from None
    if not isinstance(found, dict) or not isinstance(found.get("id"), str):
        raise calling.unclear("a look-up", "the answer is no object", write=False)
    return found
