"""The API: which request does what. What it means stands in the modules beside `server/`."""

from __future__ import annotations

from typing import cast

from starlette.routing import Route

from purchase_simulators.paddle import (
    adjustments,
    catalog,
    changing,
    customers,
    pricing,
    renewing,
    requests,
    subscriptions,
    transactions,
)
from purchase_simulators.paddle.book import Book
from purchase_simulators.paddle.notifications import EVENT_TYPES, described
from purchase_simulators.paddle.refusal import bad, missing
from purchase_simulators.paddle.requests import read
from purchase_simulators.paddle.shapes import Document
from purchase_simulators.paddle.simulator import PaddleSimulator

from .answering import Answering, Call, Found, Handler
from .listing import Listing, page

CREATED, ACCEPTED, EMPTY = 201, 202, 204

CUSTOMERS = Listing(("email", "id", "status"), searched=("id", "name", "email"), active=True)
ADDRESSES = Listing(("id", "status"), searched=("id", "first_line", "city"))
METHODS = Listing(("address_id", "supports_checkout"))
PRODUCTS = Listing(("id", "status", "tax_category", "type"), active=True)
PRICES = Listing(("id", "product_id", "status", "recurring", "type"), active=True)
DISCOUNTS = Listing(("id", "code", "status", "mode"))
TRANSACTIONS = Listing(
    ("collection_mode", "customer_id", "id", "invoice_number", "origin", "status", "subscription_id"),
    per_page=30,
    per_page_max=30,
)
SUBSCRIPTIONS = Listing(
    ("address_id", "collection_mode", "customer_id", "id", "price_id", "scheduled_change_action", "status")
)
ADJUSTMENTS = Listing(
    ("action", "customer_id", "id", "status", "subscription_id", "transaction_id"),
    per_page=10,
    per_page_max=50,
)
EVENTS = Listing(("event_type",), key="event_id", spans=True)
NOTIFICATIONS = Listing(("notification_setting_id", "status", "filter"), searched=("id", "type"), spans=True)
LOGS = Listing(())
SETTINGS = Listing(("active", "traffic_source"))


def routes(simulator: PaddleSimulator) -> list[Route]:
    """Every route of the API."""
    answering = Answering(simulator)
    return [
        Route(path, answering.endpoint(handler), methods=[method])
        for table in (CATALOG, BUYERS, SALES, AGREEMENTS, TELLING)
        for (method, path), handler in table.items()
    ]


def _book(call: Call) -> Book:
    return call.account.book


# --- catalog -------------------------------------------------------------------------------------


def _make_product(call: Call) -> Found:
    return Found(catalog.add_product(_book(call), read(call.body, requests.Product)), CREATED)


def _change_product(call: Call) -> Found:
    return Found(catalog.change_product(_book(call), call["id"], read(call.body, requests.Product)))


def _list_products(call: Call) -> Found:
    return page(call, _book(call).rows("pro"), PRODUCTS)


def _make_price(call: Call) -> Found:
    return Found(catalog.add_price(_book(call), read(call.body, requests.Price)), CREATED)


def _change_price(call: Call) -> Found:
    return Found(catalog.change_price(_book(call), call["id"], read(call.body, requests.Price)))


def _list_prices(call: Call) -> Found:
    rows: list[Document] = [_with_product(_book(call), one, call) for one in _book(call).rows("pri")]
    return page(call, rows, PRICES)


def _with_product(book: Book, price: Document, call: Call) -> Document:
    if "product" not in call.query.get("include", "").split(","):
        return price
    return price | {"product": book.find("pro", price["product_id"])}


def _make_discount(call: Call) -> Found:
    return Found(catalog.add_discount(_book(call), read(call.body, requests.Discount)), CREATED)


def _change_discount(call: Call) -> Found:
    return Found(catalog.change_discount(_book(call), call["id"], read(call.body, requests.Discount)))


def _list_discounts(call: Call) -> Found:
    return page(call, _book(call).rows("dsc"), DISCOUNTS)


CATALOG: dict[tuple[str, str], Handler] = {
    ("POST", "/products"): _make_product,
    ("GET", "/products"): _list_products,
    ("GET", "/products/{id}"): lambda call: Found(_book(call).find("pro", call["id"])),
    ("PATCH", "/products/{id}"): _change_product,
    ("POST", "/prices"): _make_price,
    ("GET", "/prices"): _list_prices,
    ("GET", "/prices/{id}"): lambda call: Found(
        _with_product(_book(call), _book(call).find("pri", call["id"]), call)
    ),
    ("PATCH", "/prices/{id}"): _change_price,
    ("POST", "/discounts"): _make_discount,
    ("GET", "/discounts"): _list_discounts,
    ("GET", "/discounts/{id}"): lambda call: Found(_book(call).find("dsc", call["id"])),
    ("PATCH", "/discounts/{id}"): _change_discount,
}


# --- buyers --------------------------------------------------------------------------------------


def _make_customer(call: Call) -> Found:
    return Found(customers.add_customer(_book(call), read(call.body, requests.Customer)), CREATED)


def _change_customer(call: Call) -> Found:
    return Found(customers.change_customer(_book(call), call["id"], read(call.body, requests.Customer)))


def _make_address(call: Call) -> Found:
    asked = read(call.body, requests.Address)
    return Found(customers.add_address(_book(call), call["id"], asked), CREATED)


def _change_address(call: Call) -> Found:
    asked = read(call.body, requests.Address)
    return Found(customers.change_address(_book(call), call["id"], call["address"], asked))


def _of_customer(call: Call, prefix: str) -> list[Document]:
    _book(call).find("ctm", call["id"])
    return [one for one in _book(call).rows(prefix) if one["customer_id"] == call["id"]]


def _method(call: Call) -> Found:
    found = _book(call).find("paymtd", call["method"])
    if found["customer_id"] != call["id"]:
        raise missing(call["method"])
    return Found(found)


def _delete_method(call: Call) -> Found:
    customers.delete_method(_book(call), call["id"], call["method"])
    return Found(None, EMPTY)


def _open_portal(call: Call) -> Found:
    asked = read(call.body, requests.PortalSession)
    return Found(customers.open_portal(_book(call), call["id"], asked), CREATED)


def _balances(call: Call) -> Found:
    customer = _book(call).find("ctm", call["id"])
    balances = cast("dict[str, int]", _book(call).note(customer["id"]).get("balance", {}))
    rows = [
        {
            "customer_id": call["id"],
            "currency_code": currency,
            "balance": {"available": str(amount), "reserved": "0", "used": "0"},
        }
        for currency, amount in balances.items()
    ]
    return Found(rows)


BUYERS: dict[tuple[str, str], Handler] = {
    ("POST", "/customers"): _make_customer,
    ("GET", "/customers"): lambda call: page(call, _book(call).rows("ctm"), CUSTOMERS),
    ("GET", "/customers/{id}"): lambda call: Found(_book(call).find("ctm", call["id"])),
    ("PATCH", "/customers/{id}"): _change_customer,
    ("GET", "/customers/{id}/credit-balances"): _balances,
    ("POST", "/customers/{id}/addresses"): _make_address,
    ("GET", "/customers/{id}/addresses"): lambda call: page(call, _of_customer(call, "add"), ADDRESSES),
    ("GET", "/customers/{id}/addresses/{address}"): lambda call: Found(
        customers.address_of(_book(call), call["id"], call["address"])
    ),
    ("PATCH", "/customers/{id}/addresses/{address}"): _change_address,
    ("GET", "/customers/{id}/payment-methods"): lambda call: page(
        call, _of_customer(call, "paymtd"), METHODS
    ),
    ("GET", "/customers/{id}/payment-methods/{method}"): _method,
    ("DELETE", "/customers/{id}/payment-methods/{method}"): _delete_method,
    ("POST", "/customers/{id}/portal-sessions"): _open_portal,
}


# --- sales ---------------------------------------------------------------------------------------


def _make_transaction(call: Call) -> Found:
    return Found(transactions.create(_book(call), read(call.body, requests.Transaction)), CREATED)


def _change_transaction(call: Call) -> Found:
    return Found(transactions.change(_book(call), call["id"], read(call.body, requests.Transaction)))


def _transaction(call: Call) -> Found:
    return Found(_including(call, _book(call).find("txn", call["id"])))


def _including(call: Call, document: Document) -> Document:
    """A transaction with the entities that a request wants with it."""
    book, more = _book(call), Document()
    for name in filter(None, call.query.get("include", "").split(",")):
        match name:
            case "customer" if document["customer_id"]:
                more[name] = book.find("ctm", document["customer_id"])
            case "address" if document["address_id"]:
                more[name] = book.find("add", document["address_id"])
            case "discount" if document["discount_id"]:
                more[name] = book.find("dsc", document["discount_id"])
            case "adjustments":
                more[name] = [one for one in book.rows("adj") if one["transaction_id"] == document["id"]]
            case "available_payment_methods":
                more[name] = ["card"]
            case "customer" | "address" | "discount" | "business":
                pass
            case _:
                raise bad("bad_request", f"cannot include {name[:32]}")
    return document | more


def _invoice(call: Call) -> Found:
    document = _book(call).find("txn", call["id"])
    if not document["invoice_number"]:
        raise missing(f"invoice of {document['id']}")
    return Found({"url": f"https://paddle-invoices.example/{document['invoice_id']}.pdf?temporary=1"})


def _make_adjustment(call: Call) -> Found:
    return Found(adjustments.create(_book(call), read(call.body, requests.Adjustment)), CREATED)


SALES: dict[tuple[str, str], Handler] = {
    ("POST", "/transactions"): _make_transaction,
    ("GET", "/transactions"): lambda call: page(
        call, [_including(call, one) for one in _book(call).rows("txn")], TRANSACTIONS
    ),
    ("POST", "/transactions/preview"): lambda call: Found(
        transactions.preview(_book(call), read(call.body, requests.TransactionPreview))
    ),
    ("POST", "/pricing-preview"): lambda call: Found(
        pricing.preview(_book(call), read(call.body, requests.PricingPreview))
    ),
    ("GET", "/currencies"): lambda call: Found(pricing.currencies()),
    ("GET", "/transactions/{id}"): _transaction,
    ("PATCH", "/transactions/{id}"): _change_transaction,
    ("GET", "/transactions/{id}/invoice"): _invoice,
    ("POST", "/transactions/{id}/revise"): lambda call: Found(
        transactions.revise(_book(call), call["id"], read(call.body, requests.Revision))
    ),
    ("POST", "/adjustments"): _make_adjustment,
    ("GET", "/adjustments"): lambda call: page(call, _book(call).rows("adj"), ADJUSTMENTS),
}


# --- agreements ----------------------------------------------------------------------------------


def _subscription(call: Call) -> Found:
    document = _book(call).find("sub", call["id"])
    wanted = set(filter(None, call.query.get("include", "").split(",")))
    if wanted - {"next_transaction", "recurring_transaction_details"}:
        raise bad("bad_request", "includes are next_transaction and recurring_transaction_details")
    if not wanted or document["next_billed_at"] is None:
        return Found(document)
    seen = changing.preview(_book(call), call["id"], requests.Subscription())
    return Found(document | {name: seen[name] for name in sorted(wanted)})


def _cancel(call: Call) -> Found:
    return Found(subscriptions.cancel(_book(call), call["id"], read(call.body, requests.Cancel)))


def _pause(call: Call) -> Found:
    return Found(subscriptions.pause(_book(call), call["id"], read(call.body, requests.Pause)))


def _resume(call: Call) -> Found:
    asked = read(call.body, requests.Resume)
    scheduled = subscriptions.resume(_book(call), call["id"], asked)
    return Found(scheduled or renewing.go_on(_book(call), _book(call).find("sub", call["id"])))


def _update(call: Call) -> Found:
    return Found(changing.update(_book(call), call["id"], read(call.body, requests.Subscription)))


def _preview(call: Call) -> Found:
    return Found(changing.preview(_book(call), call["id"], read(call.body, requests.Subscription)))


def _charge(call: Call) -> Found:
    asked = read(call.body, requests.Charge)
    return Found(renewing.charge(_book(call), call["id"], asked), CREATED)


AGREEMENTS: dict[tuple[str, str], Handler] = {
    ("GET", "/subscriptions"): lambda call: page(call, _book(call).rows("sub"), SUBSCRIPTIONS),
    ("GET", "/subscriptions/{id}"): _subscription,
    ("PATCH", "/subscriptions/{id}"): _update,
    ("PATCH", "/subscriptions/{id}/preview"): _preview,
    ("POST", "/subscriptions/{id}/cancel"): _cancel,
    ("POST", "/subscriptions/{id}/pause"): _pause,
    ("POST", "/subscriptions/{id}/resume"): _resume,
    ("POST", "/subscriptions/{id}/activate"): lambda call: Found(renewing.activate(_book(call), call["id"])),
    ("POST", "/subscriptions/{id}/charge"): _charge,
    ("POST", "/subscriptions/{id}/charge/preview"): lambda call: Found(
        changing.charge_preview(_book(call), call["id"], read(call.body, requests.Charge))
    ),
    ("GET", "/subscriptions/{id}/update-payment-method-transaction"): lambda call: Found(
        renewing.method_change(_book(call), call["id"])
    ),
}


# --- what is told --------------------------------------------------------------------------------


def _make_setting(call: Call) -> Found:
    return Found(call.account.notifications.add(read(call.body, requests.NotificationSetting)), CREATED)


def _change_setting(call: Call) -> Found:
    asked = read(call.body, requests.NotificationSetting)
    return Found(call.account.notifications.change(call["id"], asked))


def _delete_setting(call: Call) -> Found:
    call.account.notifications.remove(call["id"])
    return Found(None, EMPTY)


def _replay(call: Call) -> Found:
    made = call.account.notifications.replay(call["id"])
    return Found({"notification_id": made["id"]}, ACCEPTED)


TELLING: dict[tuple[str, str], Handler] = {
    ("GET", "/event-types"): lambda call: Found([described(name) for name in sorted(EVENT_TYPES)]),
    ("GET", "/events"): lambda call: page(call, [one.document() for one in _book(call).recent()], EVENTS),
    ("POST", "/notification-settings"): _make_setting,
    ("GET", "/notification-settings"): lambda call: page(call, _book(call).rows("ntfset"), SETTINGS),
    ("GET", "/notification-settings/{id}"): lambda call: Found(_book(call).find("ntfset", call["id"])),
    ("PATCH", "/notification-settings/{id}"): _change_setting,
    ("DELETE", "/notification-settings/{id}"): _delete_setting,
    ("GET", "/notifications"): lambda call: page(call, call.account.notifications.rows(), NOTIFICATIONS),
    ("GET", "/notifications/{id}"): lambda call: Found(call.account.notifications.find(call["id"])),
    ("GET", "/notifications/{id}/logs"): lambda call: page(
        call, call.account.notifications.logs(call["id"]), LOGS
    ),
    ("POST", "/notifications/{id}/replay"): _replay,
}
