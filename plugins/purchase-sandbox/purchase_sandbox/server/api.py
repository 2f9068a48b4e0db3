"""The provider's API, `/v1/…`: what the adapter calls."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec
from starlette.requests import Request
from starlette.routing import Route

from purchase_sandbox.account import changes, checkout, making, pauses, refunds, requests, subscriptions
from purchase_sandbox.account.account import Account
from purchase_sandbox.account.book import PAGE_MAX, Page
from purchase_sandbox.account.objects import (
    Customer,
    Discount,
    Dispute,
    Invoice,
    Price,
    Product,
    Refund,
    Session,
    Subscription,
    Thing,
)
from purchase_sandbox.account.refusal import invalid
from purchase_sandbox.sandbox import Sandbox
from purchase_simulators.wire.keys import Answer

from .answering import Endpoint, Handler, for_account, json_answer
from .endpoints import make_endpoint, shown

COLLECTIONS: Mapping[str, type[Thing]] = {
    "/v1/customers": Customer,
    "/v1/products": Product,
    "/v1/prices": Price,
    "/v1/discounts": Discount,
    "/v1/checkout/sessions": Session,
    "/v1/subscriptions": Subscription,
    "/v1/invoices": Invoice,
    "/v1/refunds": Refund,
    "/v1/disputes": Dispute,
}
FILTERS: Mapping[type[Thing], frozenset[str]] = {
    Price: frozenset({"currency", "product"}),
    Session: frozenset({"customer", "status"}),
    Subscription: frozenset({"customer", "status"}),
    Invoice: frozenset({"customer", "status", "subscription"}),
    Discount: frozenset({"code"}),
    Refund: frozenset({"invoice"}),
    Dispute: frozenset({"invoice"}),
}
_METADATA = re.compile(r"metadata\[([^\[\]]{1,40})\]")
_LIMIT = re.compile(r"[0-9]{1,3}")

Command: TypeAlias = Callable[[Account, str, bytes], object]


def api_routes(sandbox: Sandbox) -> list[Route]:
    """Everything under /v1."""
    routes = [
        Route("/v1/account", for_account(sandbox, _show_account), methods=["GET"]),
        Route("/v1/events", for_account(sandbox, _list_events), methods=["GET"]),
        Route("/v1/events/{id}", for_account(sandbox, _show_event), methods=["GET"]),
        Route("/v1/subscriptions/{id}/preview", for_account(sandbox, _preview_change), methods=["GET"]),
        Route("/v1/invoices/{id}/links", for_account(sandbox, _linker(sandbox)), methods=["GET"]),
        Route("/v1/webhook_endpoints", for_account(sandbox, _list_endpoints), methods=["GET"]),
    ]
    for path, kind in COLLECTIONS.items():
        routes.append(Route(path, _lister(sandbox, kind), methods=["GET"]))
        routes.append(Route(f"{path}/{{id}}", _shower(sandbox, kind), methods=["GET"]))
    routes += [Route(path, _commander(sandbox, act), methods=["POST"]) for path, act in _commands(sandbox)]
    return routes


def _commands(sandbox: Sandbox) -> list[tuple[str, Command]]:
    def open_session(account: Account, identifier: str, body: bytes) -> Thing:
        request = requests.read(body, requests.MakeSession)
        return checkout.open_session(account.book, request, sandbox.checkout_page())

    def open_portal(account: Account, identifier: str, body: bytes) -> Thing:
        request = requests.read(body, requests.MakePortalSession)
        return making.make_portal(account.book, request, sandbox.portal_page())

    return [
        ("/v1/customers", _make_customer),
        ("/v1/customers/{id}/delete", _delete_customer),
        ("/v1/products", _make_product),
        ("/v1/products/{id}", _change_product),
        ("/v1/prices", _make_price),
        ("/v1/prices/{id}", _change_price),
        ("/v1/discounts", _make_discount),
        ("/v1/checkout/sessions", open_session),
        ("/v1/checkout/sessions/{id}/expire", _expire_session),
        ("/v1/subscriptions/{id}", _change_subscription),
        ("/v1/subscriptions/{id}/cancel", _cancel_subscription),
        ("/v1/subscriptions/{id}/uncancel", _uncancel_subscription),
        ("/v1/subscriptions/{id}/pause", _pause_subscription),
        ("/v1/subscriptions/{id}/resume", _resume_subscription),
        ("/v1/refunds", _make_refund),
        ("/v1/portal_sessions", open_portal),
        ("/v1/webhook_endpoints", make_endpoint),
    ]


# --- commands ----------------------------------------------------------------------------------


def _make_customer(account: Account, identifier: str, body: bytes) -> Thing:
    return making.make_customer(account.book, requests.read(body, requests.MakeCustomer))


def _delete_customer(account: Account, identifier: str, body: bytes) -> object:
    requests.read(body, requests.Nothing)
    return subscriptions.delete_customer(account.book, identifier)


def _make_product(account: Account, identifier: str, body: bytes) -> Thing:
    return making.make_product(account.book, requests.read(body, requests.MakeProduct))


def _change_product(account: Account, identifier: str, body: bytes) -> Thing:
    return making.change_product(account.book, identifier, requests.read(body, requests.ChangeProduct))


def _change_price(account: Account, identifier: str, body: bytes) -> Thing:
    return making.change_price(account.book, identifier, requests.read(body, requests.ChangePrice))


def _make_price(account: Account, identifier: str, body: bytes) -> Thing:
    return making.make_price(account.book, requests.read(body, requests.MakePrice))


def _make_discount(account: Account, identifier: str, body: bytes) -> Thing:
    return making.make_discount(account.book, requests.read(body, requests.MakeDiscount))


def _expire_session(account: Account, identifier: str, body: bytes) -> Thing:
    requests.read(body, requests.Nothing)
    return checkout.expire_session(account.book, identifier)


def _change_subscription(account: Account, identifier: str, body: bytes) -> Thing:
    request = requests.read(body, requests.ChangeSubscription)
    return changes.change(account.book, identifier, request)


def _cancel_subscription(account: Account, identifier: str, body: bytes) -> Thing:
    request = requests.read(body, requests.CancelSubscription)
    return subscriptions.cancel(account.book, identifier, at_period_end=request.at_period_end)


def _uncancel_subscription(account: Account, identifier: str, body: bytes) -> Thing:
    requests.read(body, requests.Nothing)
    return subscriptions.uncancel(account.book, identifier)


def _pause_subscription(account: Account, identifier: str, body: bytes) -> Thing:
    return pauses.pause(account.book, identifier, requests.read(body, requests.PauseSubscription))


def _resume_subscription(account: Account, identifier: str, body: bytes) -> Thing:
    request = requests.read(body, requests.ResumeSubscription)
    return pauses.resume(account.book, identifier, new_period=request.new_period)


def _make_refund(account: Account, identifier: str, body: bytes) -> Thing:
    request = requests.read(body, requests.MakeRefund)
    return refunds.refund(account.book, request.invoice, request.amount, request.metadata)


def _commander(sandbox: Sandbox, command: Command) -> Endpoint:
    def handle(account: Account, request: Request, body: bytes) -> Answer:
        identifier = str(request.path_params.get("id", ""))
        key = request.headers.get("idempotency-key", "")
        return account.command(request.url.path, body, key, lambda: command(account, identifier, body))

    return for_account(sandbox, handle)


# --- reads -------------------------------------------------------------------------------------


def _preview_change(account: Account, request: Request, body: bytes) -> Answer:
    account.catch_up()
    asked = requests.convert(dict(request.query_params), requests.ChangeSubscription)
    return json_answer(changes.preview(account.book, request.path_params["id"], asked))


def _linker(sandbox: Sandbox) -> Handler:
    def handle(account: Account, request: Request, body: bytes) -> Answer:
        account.catch_up()
        invoice = account.book.get(Invoice, request.path_params["id"])
        page = sandbox.invoice_page() + invoice.id
        return json_answer({"pay_url": page if invoice.status == "open" else None, "document_url": page})

    return handle


def _list_endpoints(account: Account, request: Request, body: bytes) -> Answer:
    rows = tuple(msgspec.Raw(msgspec.json.encode(shown(one))) for one in account.deliveries.endpoints)
    return _page_answer(Page(rows, None))


def _show_account(account: Account, request: Request, body: bytes) -> Answer:
    return json_answer({"object": "account", "id": account.id, "mode": account.mode})


def _show_event(account: Account, request: Request, body: bytes) -> Answer:
    account.catch_up()
    return Answer(200, account.book.event(request.path_params["id"]).body)


def _list_events(account: Account, request: Request, body: bytes) -> Answer:
    account.catch_up()
    query = _query(request, frozenset())
    return _page_answer(account.book.event_page(after=query.after, limit=query.limit))


def _shower(sandbox: Sandbox, kind: type[Thing]) -> Endpoint:
    def handle(account: Account, request: Request, body: bytes) -> Answer:
        account.catch_up()
        return json_answer(account.book.get(kind, request.path_params["id"]))

    return for_account(sandbox, handle)


def _lister(sandbox: Sandbox, kind: type[Thing]) -> Endpoint:
    def handle(account: Account, request: Request, body: bytes) -> Answer:
        account.catch_up()
        query = _query(request, FILTERS.get(kind, frozenset()))

        def keep(thing: Thing) -> bool:
            return all(getattr(thing, name) == value for name, value in query.fields.items())

        page = account.book.page(
            kind, after=query.after, limit=query.limit, metadata=query.metadata, keep=keep
        )
        return _page_answer(page)

    return for_account(sandbox, handle)


class _Query(msgspec.Struct):
    """What a list is asked for."""

    limit: int = PAGE_MAX
    after: str = ""
    metadata: dict[str, str] = {}
    fields: dict[str, str] = {}


def _query(request: Request, filters: frozenset[str]) -> _Query:
    """The query of a list. Raises Refusal on whatever it does not know: a filter must not be lost."""
    query = _Query()
    for name, value in request.query_params.multi_items():
        matched = _METADATA.fullmatch(name)
        if matched:
            query.metadata[matched[1]] = value
        elif name in filters:
            query.fields[name] = value
        elif name == "starting_after":
            query.after = value
        elif name == "limit" and _LIMIT.fullmatch(value) and 1 <= int(value) <= PAGE_MAX:
            query.limit = int(value)
        else:
            raise invalid(f"a list has no parameter {name[:40]!r} of that value")
    return query


def _page_answer(page: Page) -> Answer:
    return json_answer({"object": "list", "data": page.data, "next_cursor": page.next_cursor})
