"""The order: everything that was decided before the provider is called, stored with the command."""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs
import msgspec

from purchase_core.canonical import content_hash
from purchase_core.catalog.products import QUANTITY_MAX
from purchase_core.catalog.versions import OfferVersion
from purchase_core.errors import InvalidArgument
from purchase_core.facts.bodies import AttemptMade, CountryAmount, IntentPlaced
from purchase_core.facts.fact import intent_key
from purchase_core.identifiers import customer_id
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import Capability, CheckoutRequest, OurReference, PriceRequest
from purchase_core.records.lane import customer_lane, guest_lane
from purchase_core.text import identifier, storable
from purchase_core.workflows.urls import return_url

CURRENCY_CHARACTERS_MAX = 3
GUEST = ""  # instead of a customer's id


@attrs.frozen
class CheckoutOptions:
    """What a checkout page is asked to do besides. Each needs the provider's capability of its name.

    `promotion_codes`: the buyer may type one. `discount`: one that the application gives, by the id that it
    has on each connection; the checkout goes to one of these. `collect_tax`: the provider works out tax.
    `locale`: the page's language, as in "de" or "pt-BR". `expires_in_seconds`: when the page ends (0: the
    provider's own term).
    """

    promotion_codes: bool = False
    discount: Mapping[str, str] = attrs.Factory(dict)
    collect_tax: bool = False
    locale: str = ""
    expires_in_seconds: int = 0

    def needed(self) -> tuple[Capability, ...]:
        """What a provider must be capable of."""
        asked = {
            Capability.PROMOTION_CODES: self.promotion_codes,
            Capability.DISCOUNT: bool(self.discount),
            Capability.TAX_COLLECTION: self.collect_tax,
            Capability.LOCALE: bool(self.locale),
            Capability.CHECKOUT_EXPIRY: bool(self.expires_in_seconds),
        }
        return tuple(capability for capability, wanted in asked.items() if wanted)


NO_OPTIONS = CheckoutOptions()
LOCALE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})?(?:-[A-Za-z0-9]{2,8})?", re.ASCII)
EXPIRY_SECONDS_MIN, EXPIRY_SECONDS_MAX = 1_800, 86_400


def checked_options(options: CheckoutOptions) -> CheckoutOptions:
    """The options, if they make sense. Raises InvalidArgument, naming the option."""
    if not isinstance(options.discount, Mapping):
        raise InvalidArgument(
            "discount must say what it is called on each connection", hint='Such as {"stripe-eu": "promo_1"}.'
        )
    for connection, name in options.discount.items():
        identifier("discount", connection)
        identifier("discount", name)
    if options.discount and options.promotion_codes:
        raise InvalidArgument("a checkout takes a discount or promotion codes, not both")
    if options.locale and not LOCALE.fullmatch(options.locale):
        raise InvalidArgument("locale must be a language tag, as in 'de' or 'pt-BR'")
    seconds = options.expires_in_seconds
    if seconds and not (type(seconds) is int and EXPIRY_SECONDS_MIN <= seconds <= EXPIRY_SECONDS_MAX):
        bounds = f"{EXPIRY_SECONDS_MIN} to {EXPIRY_SECONDS_MAX}"
        raise InvalidArgument(f"expires_in_seconds must be a whole number from {bounds}, or 0")
    return options


@attrs.frozen
class Wish:
    """What the caller asked for. Its hash is the fingerprint: the same key must mean the same wish.

    `customer` is GUEST for somebody whom the application does not know yet. `replaces`: the key of a
    subscription whose place this one is to take.
    """

    customer: str
    offer: str
    quantity: int
    currency: str
    success_url: str
    cancel_url: str
    options: CheckoutOptions = NO_OPTIONS
    replaces: str = ""

    def needed(self) -> tuple[Capability, ...]:
        """What a provider must be capable of, beside selling the offer."""
        guest = () if self.customer else (Capability.GUEST_CHECKOUT,)
        return (*guest, *self.options.needed())

    def unmet_on(self, connection: str) -> str:
        """Why this connection cannot fulfil the wish, whatever it is capable of; "" if nothing says so."""
        discount = self.options.discount
        return "has no such discount" if discount and connection not in discount else ""

    @property
    def fingerprint(self) -> str:
        """Identifies the arguments."""
        return content_hash(self)


def checked_wish(
    customer: str | None,
    offer: str,
    quantity: int,
    currency: str,
    success_url: str,
    cancel_url: str,
    options: CheckoutOptions = NO_OPTIONS,
) -> Wish:
    """The wish, if it can be stored and compared. Whether it can be met is another question.

    Raises InvalidArgument, naming the argument.
    """
    if type(quantity) is not int or not 1 <= quantity <= QUANTITY_MAX:
        raise InvalidArgument(f"quantity must be a whole number from 1 to {QUANTITY_MAX}")
    return Wish(
        GUEST if customer is None else customer_id(customer),
        identifier("offer", offer),
        quantity,
        storable("currency", currency, characters_max=CURRENCY_CHARACTERS_MAX),
        return_url("success_url", success_url),
        return_url("cancel_url", cancel_url),
        checked_options(options),
    )


@attrs.frozen
class Order:
    """The wish, priced and routed. The version is a snapshot: a later catalog does not change it.

    `trial_days`: 0 as well where the version has a trial, and the customer has had one.
    """

    wish: Wish
    intent: str
    attempt: str
    connection: str
    version: OfferVersion
    unit_amount: int
    currency: str
    trial_days: int
    placed_at: Instant
    tried: tuple[str, ...] = ()  # connections of earlier attempts

    @property
    def lane(self) -> str:
        """The customer's lane; a guest's checkout has one of its own."""
        customer = self.wish.customer
        return customer_lane(customer) if customer else guest_lane(intent_key(self.intent))

    def encode(self) -> bytes:
        """JSON, as it is kept with the command."""
        return msgspec.json.encode(self)


def moved_on(order: Order, connection: str, attempt: str, at: Instant) -> Order:
    """The same order as another attempt on another connection, whose page ends as late as the first would."""
    tried = (*order.tried, order.connection)
    return attrs.evolve(order, connection=connection, attempt=attempt, tried=tried, placed_at=at)


def intent_of(order: Order) -> IntentPlaced:
    """What the customer set out to buy."""
    return IntentPlaced(
        id=order.intent,
        customer=order.wish.customer,
        offer=order.wish.offer,
        version=order.version.hash,
        product=order.version.product,
        quantity=order.wish.quantity,
        unit_amount=order.unit_amount,
        currency=order.currency,
        trial_days=order.trial_days,
        discounts=bool(order.wish.options.promotion_codes or order.wish.options.discount),
        countries=tuple(
            CountryAmount(one.country, one.price.minor, one.price.currency) for one in order.version.countries
        ),
        replaces=order.wish.replaces,
    )


def attempt_of(order: Order, status: str, price: str, customer: str, session: str) -> AttemptMade:
    """The order's attempt, with the provider's ids of price, customer and session."""
    return AttemptMade(order.attempt, order.intent, status, order.connection, price, customer, session)


def checkout_request(order: Order, customer: str, price: str, request: PriceRequest) -> CheckoutRequest:
    """What the provider is asked for; `request` is what `price` was made of."""
    options = order.wish.options
    ends = options.expires_in_seconds * SECOND
    return CheckoutRequest(
        mode="subscription" if order.version.product == "subscription" else "payment",
        price=price,
        quantity=order.wish.quantity,
        customer=customer,
        success_url=order.wish.success_url,
        cancel_url=order.wish.cancel_url,
        reference=OurReference(order.intent, order.attempt, order.wish.customer, order.version.hash),
        trial_days=order.trial_days,
        trial_without_card=bool(order.trial_days) and not order.version.trial_card,
        # A price of several currencies leaves the choice to the provider, unless it is said.
        currency=order.currency if len(request.currencies) > 1 else "",
        discount=options.discount.get(order.connection, ""),
        promotion_codes=options.promotion_codes,
        collect_tax=options.collect_tax,
        locale=options.locale,
        expires_at=Instant(order.placed_at + ends) if ends else None,
    )


def decode_order(data: bytes) -> Order:
    """A stored order. Raises msgspec.ValidationError on anything else."""
    return _DECODER.decode(data)


_DECODER = msgspec.json.Decoder(Order)
