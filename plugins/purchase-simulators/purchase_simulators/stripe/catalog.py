"""Products and prices: https://docs.stripe.com/api/products, https://docs.stripe.com/api/prices."""

from __future__ import annotations

import re

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from . import metadata as meta
from .book import Book
from .call import Answered, Call, Routes
from .forms import Params
from .objects.catalog import CurrencyOption, CurrencyOptions, Price, Product, Recurring
from .objects.thing import Thing
from .paging import ListParams, Range, newest_first, page
from .refusal import invalid, wrong_state

INTERVALS = {"day": 1_095, "week": 156, "month": 36, "year": 3}  # at most three years
LOOKUP_KEYS_MAX = 10
LOOKUP_KEY_CHARACTERS_MAX = 200
AMOUNT_MAX = 99_999_999_999
TAX_BEHAVIORS = ("inclusive", "exclusive", "unspecified")
_CURRENCY = re.compile(r"[a-z]{3}")
_OWN_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")


class MakeProduct(Params, frozen=True, kw_only=True):
    """POST /v1/products."""

    name: str
    id: str | None = None
    active: bool = True
    description: str | None = None
    metadata: meta.Asked = UNSET
    tax_code: str | None = None
    url: str | None = None


class ChangeProduct(Params, frozen=True, kw_only=True):
    """POST /v1/products/{id}."""

    name: str | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    metadata: meta.Asked = UNSET
    tax_code: str | UnsetType | None = UNSET
    default_price: str | UnsetType | None = UNSET


class ListProducts(ListParams, frozen=True, kw_only=True):
    """GET /v1/products."""

    active: bool | None = None
    ids: list[str] | None = None
    created: Range | int | None = None


class RecurringParams(Params, frozen=True, kw_only=True):
    """`recurring` of a price."""

    interval: str
    interval_count: int = 1
    usage_type: str = "licensed"


class OptionParams(Params, frozen=True, kw_only=True):
    """`currency_options[eur]` of a price."""

    unit_amount: int
    tax_behavior: str = "unspecified"


class ProductData(Params, frozen=True, kw_only=True):
    """`product_data` of a price."""

    name: str
    metadata: meta.Asked = UNSET
    tax_code: str | None = None


class MakePrice(Params, frozen=True, kw_only=True):
    """POST /v1/prices."""

    currency: str
    unit_amount: int | None = None
    unit_amount_decimal: str | None = None
    product: str | None = None
    product_data: ProductData | None = None
    active: bool = True
    billing_scheme: str = "per_unit"
    recurring: RecurringParams | None = None
    lookup_key: str | None = None
    transfer_lookup_key: bool = False
    nickname: str | None = None
    tax_behavior: str = "unspecified"
    currency_options: dict[str, OptionParams] = {}
    metadata: meta.Asked = UNSET


class ChangePrice(Params, frozen=True, kw_only=True):
    """POST /v1/prices/{id}. Amount, currency and interval are not among what can be changed."""

    active: bool | UnsetType = UNSET
    lookup_key: str | UnsetType | None = UNSET
    transfer_lookup_key: bool = False
    nickname: str | UnsetType | None = UNSET
    tax_behavior: str | UnsetType = UNSET
    currency_options: dict[str, OptionParams] | UnsetType | None = UNSET
    metadata: meta.Asked = UNSET


class RecurringFilter(Params, frozen=True, kw_only=True):
    """`recurring` of a list of prices."""

    interval: str | None = None
    usage_type: str | None = None


class ListPrices(ListParams, frozen=True, kw_only=True):
    """GET /v1/prices."""

    active: bool | None = None
    currency: str | None = None
    product: str | None = None
    type: str | None = None
    lookup_keys: list[str] | None = None
    recurring: RecurringFilter | None = None
    created: Range | int | None = None


# --- products ----------------------------------------------------------------------------------


def make_product(call: Call) -> Answered:
    """An id of one's own is taken as it is: the second time it is refused."""
    asked, book = call.params(MakeProduct), call.book
    if asked.id is not None and not _OWN_ID.fullmatch(asked.id):
        raise invalid("Invalid product id.", "id")
    if asked.id is not None and book.find(Product, asked.id):
        raise invalid("Product already exists.", "id", "resource_already_exists")
    return _new_product(book, asked.name, asked.metadata, asked.id, asked)


def change_product(call: Call) -> Answered:
    """Name, state and metadata."""
    asked, book = call.params(ChangeProduct), call.book
    known = book.get(Product, call.id)
    if asked.default_price and not isinstance(asked.default_price, UnsetType):
        book.get(Price, asked.default_price, "default_price")
    given = {name: value for name in ("name", "active", "description", "tax_code", "default_price")
             if (value := getattr(asked, name)) is not UNSET}  # fmt: skip
    changed = replace(
        known, **given, metadata=meta.merged(known.metadata, asked.metadata), updated=book.now()
    )
    return book.changed("product.updated", changed)


def delete_product(call: Call) -> Answered:
    """Only one without prices."""
    product = call.book.get(Product, call.id)
    if any(one.product == product.id for one in call.book.all(Price)):
        raise wrong_state(
            "This product cannot be deleted because it has one or more user-created prices.", param="id"
        )
    call.book.remove(product)
    call.book.tell("product.deleted", product)
    return {"id": product.id, "object": "product", "deleted": True}


def list_products(call: Call) -> Answered:
    asked = call.params(ListProducts)
    rows = [one for one in newest_first(call.book.all(Product))
            if asked.active in (None, one.active) and (asked.ids is None or one.id in asked.ids)]  # fmt: skip
    return page(rows, asked, _id)


def _new_product(
    book: Book,
    name: str,
    asked: meta.Asked,
    identifier: str | None = None,
    more: MakeProduct | None = None,
) -> Product:
    now = book.now()
    return book.made(
        "product.created",
        Product(
            id=identifier or book.new_id(Product),
            name=name,
            active=more.active if more else True,
            description=more.description if more else None,
            tax_code=more.tax_code if more else None,
            created=now,
            updated=now,
            metadata=meta.merged({}, asked),
        ),
    )


# --- prices ------------------------------------------------------------------------------------


def make_price(call: Call) -> Answered:
    """`transfer_lookup_key` takes the key away from the price that has it, in the same step."""
    return price_of(call.book, call.params(MakePrice))


def price_of(book: Book, asked: MakePrice) -> Price:
    """A new price. Raises Refusal."""
    currency = _currency(asked.currency, "currency")
    amount = _amount(asked)
    if asked.tax_behavior not in TAX_BEHAVIORS:
        raise invalid("Invalid tax_behavior.", "tax_behavior")
    recurring = _recurring(asked.recurring)
    if bool(asked.product) == bool(asked.product_data):
        raise invalid(
            "You must pass exactly one of product and product_data.", "product", "parameter_missing"
        )
    if asked.product_data:
        product = _new_product(book, asked.product_data.name, asked.product_data.metadata)
    else:
        product = book.get(Product, asked.product or "", "product")
    options = _options(asked.currency_options, currency)
    _free_lookup_key(book, asked.lookup_key, transfer=asked.transfer_lookup_key)
    price = Price(
        id=book.new_id(Price),
        active=asked.active,
        created=book.now(),
        currency=currency,
        lookup_key=asked.lookup_key,
        metadata=meta.merged({}, asked.metadata),
        nickname=asked.nickname,
        product=product.id,
        recurring=recurring,
        tax_behavior=asked.tax_behavior,
        type="recurring" if recurring else "one_time",
        unit_amount=amount,
        unit_amount_decimal=str(amount),
    )
    book.put(CurrencyOptions(id=price.id, options={currency: _own_option(price), **options}))
    return book.made("price.created", price)


def change_price(call: Call) -> Answered:
    """What can be changed of a price."""
    asked, book = call.params(ChangePrice), call.book
    known = book.get(Price, call.id)
    given: dict[str, object] = {}
    if not isinstance(asked.lookup_key, UnsetType):
        if asked.lookup_key != known.lookup_key:
            _free_lookup_key(book, asked.lookup_key, transfer=asked.transfer_lookup_key)
        given["lookup_key"] = asked.lookup_key
    if not isinstance(asked.tax_behavior, UnsetType):
        if known.tax_behavior not in ("unspecified", asked.tax_behavior):
            raise wrong_state("tax_behavior cannot be changed once it is set.", param="tax_behavior")
        given["tax_behavior"] = asked.tax_behavior
    if asked.active is False and book.get(Product, known.product).default_price == known.id:
        raise wrong_state(
            "This price cannot be archived because it is the default price of its product.", param="active"
        )
    given |= {name: value for name in ("active", "nickname") if (value := getattr(asked, name)) is not UNSET}
    changed = replace(known, **given, metadata=meta.merged(known.metadata, asked.metadata))
    if not isinstance(asked.currency_options, UnsetType):
        options = book.get(CurrencyOptions, known.id).options | _options(
            asked.currency_options or {}, known.currency
        )
        book.put(CurrencyOptions(id=known.id, options=options))
    return book.changed("price.updated", changed)


def list_prices(call: Call) -> Answered:
    asked, book = call.params(ListPrices), call.book
    if asked.lookup_keys is not None and len(asked.lookup_keys) > LOOKUP_KEYS_MAX:
        raise invalid(f"You can pass up to {LOOKUP_KEYS_MAX} lookup_keys.", "lookup_keys")
    wanted = [
        one
        for one in newest_first(book.all(Price))
        if asked.active in (None, one.active)
        and asked.currency in (None, one.currency)
        and asked.product in (None, one.product)
        and asked.type in (None, one.type)
        and (asked.lookup_keys is None or one.lookup_key in asked.lookup_keys)
    ]
    return page(wanted, asked, _id)


def amount_in(book: Book, price: Price, currency: str) -> int | None:
    """What one unit costs in a currency; None, if the price has none for it."""
    option = book.get(CurrencyOptions, price.id).options.get(currency)
    return option.unit_amount if option else None


def _amount(asked: MakePrice) -> int:
    amount = asked.unit_amount
    if amount is None and asked.unit_amount_decimal is not None and asked.unit_amount_decimal.isdecimal():
        amount = int(asked.unit_amount_decimal)
    if amount is None:
        raise invalid("Missing required param: unit_amount.", "unit_amount", "parameter_missing")
    if not 0 <= amount <= AMOUNT_MAX:
        raise invalid("Invalid non-negative integer", "unit_amount", "parameter_invalid_integer")
    return amount


def _currency(text: str, param: str) -> str:
    lower = text.lower()
    if not _CURRENCY.fullmatch(lower):
        raise invalid(f"Invalid currency: {text[:10]}.", param)
    return lower


def _recurring(asked: RecurringParams | None) -> Recurring | None:
    if asked is None:
        return None
    if asked.interval not in INTERVALS:
        raise invalid(
            "Invalid recurring[interval]: must be one of day, week, month, or year", "recurring[interval]"
        )
    if not 1 <= asked.interval_count <= INTERVALS[asked.interval]:
        raise invalid("The interval is at most three years.", "recurring[interval_count]")
    return Recurring(interval=asked.interval, interval_count=asked.interval_count)


def _options(asked: dict[str, OptionParams], own: str) -> dict[str, CurrencyOption]:
    found = {}
    for name, option in asked.items():
        currency = _currency(name, "currency_options")
        if currency == own:
            raise invalid("currency_options holds the price's own currency.", "currency_options")
        found[currency] = CurrencyOption(
            tax_behavior=option.tax_behavior,
            unit_amount=option.unit_amount,
            unit_amount_decimal=str(option.unit_amount),
        )
    return found


def _own_option(price: Price) -> CurrencyOption:
    return CurrencyOption(
        tax_behavior=price.tax_behavior,
        unit_amount=price.unit_amount,
        unit_amount_decimal=price.unit_amount_decimal,
    )


def _free_lookup_key(book: Book, key: str | None, *, transfer: bool) -> None:
    if key is None:
        return
    if len(key) > LOOKUP_KEY_CHARACTERS_MAX:
        raise invalid(f"lookup_key has up to {LOOKUP_KEY_CHARACTERS_MAX} characters.", "lookup_key")
    for one in book.all(Price):
        if one.lookup_key == key:
            if not transfer:
                raise invalid(
                    f"A price (`{one.id}`) already uses that lookup key.",
                    "lookup_key",
                    "resource_already_exists",
                )
            book.changed("price.updated", replace(one, lookup_key=None))


def _id(thing: Thing) -> str:
    return thing.id


ROUTES: Routes = (
    ("POST", "/v1/products", make_product),
    ("GET", "/v1/products", list_products),
    ("GET", "/v1/products/{id}", lambda call: call.book.get(Product, call.id)),
    ("POST", "/v1/products/{id}", change_product),
    ("DELETE", "/v1/products/{id}", delete_product),
    ("POST", "/v1/prices", make_price),
    ("GET", "/v1/prices", list_prices),
    ("GET", "/v1/prices/{id}", lambda call: call.book.get(Price, call.id)),
    ("POST", "/v1/prices/{id}", change_price),
)
