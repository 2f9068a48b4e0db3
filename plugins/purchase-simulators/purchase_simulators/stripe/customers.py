"""Customers and their payment methods: https://docs.stripe.com/api/customers."""

from __future__ import annotations

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from . import metadata as meta
from .book import Book
from .call import Answered, Call, Routes
from .cards import BY_LAST4, BY_NAME, METHODS, TestMethod
from .forms import Params
from .objects.customers import BILLING_DETAILS, Customer, DeletedCustomer, InvoiceSettings, PaymentMethod
from .objects.endpoints import TestClock
from .objects.subscriptions import Subscription
from .objects.thing import Json
from .paging import ListParams, Range, newest_first, page
from .refusal import invalid, missing, wrong_state
from .searching import SearchParams, search

SEARCH_LAG_SECONDS = 60  # what was just written is not found yet


class SettingsParams(Params, frozen=True, kw_only=True):
    """`invoice_settings` of a customer."""

    default_payment_method: str | UnsetType | None = UNSET


class MakeCustomer(Params, frozen=True, kw_only=True):
    """POST /v1/customers."""

    email: str | None = None
    name: str | None = None
    description: str | None = None
    phone: str | None = None
    payment_method: str | None = None
    invoice_settings: SettingsParams = SettingsParams()
    preferred_locales: list[str] = []
    metadata: meta.Asked = UNSET
    test_clock: str | None = None


class ChangeCustomer(Params, frozen=True, kw_only=True):
    """POST /v1/customers/{id}."""

    email: str | UnsetType | None = UNSET
    name: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET
    invoice_settings: SettingsParams = SettingsParams()
    metadata: meta.Asked = UNSET


class ListCustomers(ListParams, frozen=True, kw_only=True):
    """GET /v1/customers. `email` is compared exactly, capitals and all."""

    email: str | None = None
    created: Range | int | None = None
    test_clock: str | None = None


class CardParams(Params, frozen=True, kw_only=True):
    """`card` of a payment method, by number or by token."""

    number: str | None = None
    exp_month: int | None = None
    exp_year: int | None = None
    cvc: str | None = None
    token: str | None = None


class MakeMethod(Params, frozen=True, kw_only=True):
    """POST /v1/payment_methods."""

    type: str
    card: CardParams | None = None
    metadata: meta.Asked = UNSET


class Attach(Params, frozen=True, kw_only=True):
    """POST /v1/payment_methods/{id}/attach."""

    customer: str


def make_customer(call: Call) -> Answered:
    """A new customer. Two can have one e-mail address."""
    asked, book = call.params(MakeCustomer), call.book
    if asked.email is not None and "@" not in asked.email:
        raise invalid(f"Invalid email address: {asked.email[:20]}", "email", "email_invalid")
    if asked.test_clock:
        book.get(TestClock, asked.test_clock, "test_clock")
    identifier = book.new_id(Customer)
    customer = book.made(
        "customer.created",
        Customer(
            id=identifier,
            created=book.now(),
            description=asked.description,
            email=asked.email,
            invoice_prefix=identifier[-8:].upper(),
            metadata=meta.merged({}, asked.metadata),
            name=asked.name,
            phone=asked.phone,
            preferred_locales=tuple(asked.preferred_locales),
            test_clock=asked.test_clock,
        ),
    )
    if asked.payment_method:
        attach(book, method_for(book, asked.payment_method, "payment_method"), customer.id)
    default = asked.invoice_settings.default_payment_method
    return _with_default(book, customer, default)


def change_customer(call: Call) -> Answered:
    asked, book = call.params(ChangeCustomer), call.book
    known = book.get(Customer, call.id)
    given = {name: value for name in ("email", "name", "description", "phone")
             if (value := getattr(asked, name)) is not UNSET}  # fmt: skip
    changed = replace(known, **given, metadata=meta.merged(known.metadata, asked.metadata))
    book.changed("customer.updated", changed)
    return _with_default(book, changed, asked.invoice_settings.default_payment_method)


def show_customer(call: Call) -> Answered:
    """A deleted customer is still there, as such."""
    found = call.book.find(Customer, call.id)
    return found or call.book.get(DeletedCustomer, call.id)


def delete_customer(call: Call) -> Answered:
    """Its subscriptions end with it."""
    from .standing import end  # noqa: PLC0415  # which needs customers

    book = call.book
    customer = book.get(Customer, call.id)
    for one in book.all(Subscription):
        if one.customer == customer.id and one.status not in ("canceled", "incomplete_expired"):
            end(book, one)
    book.remove(customer)
    book.tell("customer.deleted", customer)
    return book.put(DeletedCustomer(id=customer.id))


def list_customers(call: Call) -> Answered:
    asked = call.params(ListCustomers)
    rows = [
        one
        for one in newest_first(call.book.all(Customer))
        if asked.email in (None, one.email) and asked.test_clock in (None, one.test_clock)
    ]
    return page(rows, asked, lambda one: one.id)


def search_customers(call: Call) -> Answered:
    asked = call.params(SearchParams)
    indexed = [one for one in newest_first(call.book.all(Customer)) if _is_indexed(call.book, one)]
    return search(indexed, asked, "/v1/customers/search")


def _is_indexed(book: Book, customer: Customer) -> bool:
    return book.now() - customer.created >= SEARCH_LAG_SECONDS


# --- payment methods ---------------------------------------------------------------------------


def make_method(call: Call) -> Answered:
    """By test card number or token."""
    asked, book = call.params(MakeMethod), call.book
    given = asked.card or CardParams()
    token = (given.token or "").replace("tok_", "pm_card_")
    test = BY_NAME.get(token) or BY_LAST4.get((given.number or "")[-4:])
    if test is None:
        raise invalid("The simulator takes test cards only: see docs.stripe.com/testing.", "card")
    return book.put(new_method(book, test, None))


def attach_method(call: Call) -> Answered:
    asked, book = call.params(Attach), call.book
    book.get(Customer, asked.customer, "customer")
    return attach(book, method_for(book, call.id, "id"), asked.customer)


def method_for(book: Book, identifier: str, param: str) -> PaymentMethod:
    """A payment method by id, or by a test token, which makes a new one. Raises Refusal."""
    if identifier in BY_NAME:
        return book.put(new_method(book, BY_NAME[identifier], None))
    return book.get(PaymentMethod, identifier, param)


def new_method(book: Book, test: TestMethod, customer: str | None, email: str | None = None) -> PaymentMethod:
    """A payment method that behaves like a test card."""
    card: Json = {**_CARD, "last4": test.last4}
    debit: Json = {**_SEPA, "last4": test.last4}
    return PaymentMethod(
        id=book.new_id(PaymentMethod),
        billing_details={**BILLING_DETAILS, "email": email},
        created=book.now(),
        customer=customer,
        type=test.type,
        card=card if test.type == "card" else UNSET,
        sepa_debit=debit if test.type == "sepa_debit" else UNSET,
    )


def attach(book: Book, method: PaymentMethod, customer: str) -> PaymentMethod:
    """Let a customer pay with it. Raises Refusal if it is somebody else's, or if the card is refused."""
    if method.customer not in (None, customer):
        raise wrong_state("The payment method is attached to another customer.", param="payment_method")
    if method.customer == customer:
        return method
    return book.changed("payment_method.attached", replace(method, customer=customer))


def behaviour(method: PaymentMethod) -> TestMethod:
    """What a payment method does."""
    details = method.card if method.type == "card" else method.sepa_debit
    last4 = "" if isinstance(details, UnsetType) else str(details.get("last4"))
    return BY_LAST4.get(last4, METHODS["pays"])


def _with_default(book: Book, customer: Customer, default: str | UnsetType | None) -> Customer:
    if isinstance(default, UnsetType):
        return customer
    if default is not None:
        methods = [one for one in book.all(PaymentMethod) if one.customer == customer.id]
        if default in BY_NAME and methods:
            default = methods[-1].id
        elif all(one.id != default for one in methods):
            raise missing("PaymentMethod", default, "invoice_settings[default_payment_method]")
    settings = InvoiceSettings(default_payment_method=default)
    return book.changed("customer.updated", replace(customer, invoice_settings=settings))


_CARD: Json = {
    "brand": "visa",
    "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
    "country": "US",
    "display_brand": "visa",
    "exp_month": 8,
    "exp_year": 2034,
    "fingerprint": "AOB934RVNwzk6xtn",
    "funding": "credit",
    "generated_from": None,
    "networks": {"available": ["visa"], "preferred": None},
    "regulated_status": "unregulated",
    "three_d_secure_usage": {"supported": True},
    "wallet": None,
}
_SEPA: Json = {
    "bank_code": "37040044",
    "branch_code": "",
    "country": "DE",
    "fingerprint": "zlEYZrm6UuWlk9bb",
    "generated_from": {"charge": None, "setup_attempt": None},
}


def list_methods(call: Call) -> Answered:
    asked = call.params(ListMethods)
    rows = [
        one
        for one in newest_first(call.book.all(PaymentMethod))
        if asked.customer in (None, one.customer) and asked.type in (None, one.type)
    ]
    return page(rows, asked, lambda one: one.id)


class ListMethods(ListParams, frozen=True, kw_only=True):
    """GET /v1/payment_methods."""

    customer: str | None = None
    type: str | None = None


ROUTES: Routes = (
    ("POST", "/v1/customers", make_customer),
    ("GET", "/v1/customers", list_customers),
    ("GET", "/v1/customers/search", search_customers),
    ("GET", "/v1/customers/{id}", show_customer),
    ("POST", "/v1/customers/{id}", change_customer),
    ("DELETE", "/v1/customers/{id}", delete_customer),
    ("POST", "/v1/payment_methods", make_method),
    ("GET", "/v1/payment_methods", list_methods),
    ("GET", "/v1/payment_methods/{id}", lambda call: method_for(call.book, call.id, "id")),
    ("POST", "/v1/payment_methods/{id}/attach", attach_method),
)
