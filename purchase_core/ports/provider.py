"""The provider port: what an adapter promises.

Verifying, parsing and normalising are pure and synchronous. Everything that talks to the provider is
awaited, takes an idempotency key where it has an effect, and raises only errors of ProviderError's branch:
ProviderRefused (nothing happened), ProviderUnavailable (proved not to have happened), OutcomeUnknown
(it may have happened). An adapter retries by itself only what is provably safe.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import ClassVar, TypeAlias

import attrs

from purchase_core.errors import CapabilityMissing
from purchase_core.facts.fact import Fact
from purchase_core.instants import Instant
from purchase_core.values import Value

Headers: TypeAlias = Sequence[tuple[str, str]]
"""Header names in lower case, in order of arrival, repeated ones repeated."""

EVENT_PAGE_MAX = 100
SIGNATURE_WINDOW_SECONDS = 300  # either side of our clock
WEBHOOK_SECRET_BYTES_MIN = 24


class Capability(StrEnum):
    """What providers differ in. An operation that needs one says so when it is missing."""

    SUBSCRIPTION_CHECKOUT = "subscription_checkout"
    ONE_TIME_CHECKOUT = "one_time_checkout"
    QUANTITY = "quantity"
    TRIAL = "trial"
    EXPIRE_CHECKOUT = "expire_checkout"
    CANCEL_NOW = "cancel_now"
    CANCEL_AT_PERIOD_END = "cancel_at_period_end"
    UNCANCEL = "uncancel"
    CHANGE_SUBSCRIPTION = "change_subscription"
    PAUSE = "pause"
    REFUND = "refund"
    PARTIAL_REFUND = "partial_refund"
    PORTAL = "portal"
    LIST_EVENTS = "list_events"
    LIST_OBJECTS = "list_objects"


@attrs.frozen
class Capabilities:
    """What an adapter declares. `key_lifetime_seconds`: how long idempotency keys hold (0 = it has none)."""

    declared: frozenset[Capability]
    key_lifetime_seconds: int
    currencies: frozenset[str] | None = None  # None: every currency

    def __contains__(self, capability: object) -> bool:
        return capability in self.declared


@attrs.frozen
class Connection:
    """A configured provider account. Its name is what URLs and routing candidates say."""

    name: str
    plugin: str
    mode: str  # test | live
    project: str
    environment: str


# --- our reference, which travels in the provider's metadata -----------------------------------

PROJECT = "purchase_project"
ENVIRONMENT = "purchase_environment"
INTENT = "purchase_intent"
ATTEMPT = "purchase_attempt"
CUSTOMER = "purchase_customer"
OFFER_VERSION = "purchase_offer_version"


class OurReference(Value, frozen=True):
    """What we write into the provider's metadata, under names of our own, and read back.

    Only a reference with our project and environment counts (`OurReference.read`).
    """

    intent: str = ""
    attempt: str = ""
    customer: str = ""
    version: str = ""

    def metadata(self, connection: Connection) -> dict[str, str]:
        """The metadata to send. Ours; an application's own metadata never overrides it."""
        values = {
            PROJECT: connection.project,
            ENVIRONMENT: connection.environment,
            INTENT: self.intent,
            ATTEMPT: self.attempt,
            CUSTOMER: self.customer,
            OFFER_VERSION: self.version,
        }
        return {name: value for name, value in values.items() if value}

    @classmethod
    def read(cls, metadata: Mapping[str, object] | None, connection: Connection) -> OurReference:
        """The reference in some metadata; empty where it is absent, another project's, or not text."""
        found = metadata or {}
        if found.get(PROJECT) != connection.project or found.get(ENVIRONMENT) != connection.environment:
            return cls()

        def text(name: str) -> str:
            value = found.get(name)
            return value if isinstance(value, str) else ""

        return cls(text(INTENT), text(ATTEMPT), text(CUSTOMER), text(OFFER_VERSION))


# --- webhooks ----------------------------------------------------------------------------------


Payload: TypeAlias = object


@attrs.frozen
class Event:
    """A verified event, parsed. `object` is its main object's key; `payload` is the adapter's own."""

    id: str
    type: str
    object: str
    occurred_at: Instant
    account: str
    mode: str
    api_version: str
    payload: Payload = attrs.field(repr=False, eq=False)


class Need(Value, frozen=True):
    """An object that must be fetched before the event can be understood. `kind` as in facts."""

    kind: str
    id: str
    why: str


class CustomerClaim(Value, frozen=True):
    """A provider's customer says that it is one of ours. Believed only of a customer that we know."""

    provider_customer: str
    customer: str


class Normalised(Value, frozen=True):
    """What an event means. Exactly one of: facts, needs, or a reason to ignore it."""

    facts: tuple[Fact, ...] = ()
    claims: tuple[CustomerClaim, ...] = ()
    needs: tuple[Need, ...] = ()
    ignored: str = ""


@attrs.frozen
class Fetched:
    """An object as the provider answered: stored, so that replay needs no network.

    `order` is the response's time less the call's duration, rounded down to the provider's resolution.
    """

    kind: str
    id: str
    order: Instant
    body: bytes = attrs.field(repr=False)


# --- requests and answers ------------------------------------------------------------------------


@attrs.frozen
class CustomerRequest:
    """One of our customers, to be found or created. `email` goes to the provider and is not stored."""

    customer: str
    email: str = attrs.field(default="", repr=False)


@attrs.frozen
class PriceRequest:
    """A price for one offer version. `unit_amount` in minor units; no interval: paid once."""

    offer: str
    version: str
    product_name: str
    unit_amount: int
    currency: str
    interval: str = ""  # day | week | month | year
    interval_count: int = 1


@attrs.frozen
class CheckoutRequest:
    """A checkout of one offer. `mode`: subscription | payment. Our references travel in the metadata."""

    mode: str
    price: str
    quantity: int
    customer: str
    success_url: str
    cancel_url: str
    reference: OurReference
    trial_days: int = 0


@attrs.frozen
class ProviderCheckout:
    """A checkout session at the provider. `facts` are what its answer witnessed."""

    id: str
    url: str
    expires_at: Instant
    facts: tuple[Fact, ...] = ()


@attrs.frozen
class EventPage:
    """Bodies of events, oldest first, as the webhook would have carried them. `cursor` "" = the end."""

    bodies: tuple[bytes, ...]
    cursor: str


@attrs.frozen
class ObjectPage:
    """Objects of one kind, as fetched. `cursor` "" = the end."""

    objects: tuple[Fetched, ...]
    cursor: str


class Provider(ABC):
    """One connection to one provider account, opened by its plugin's factory."""

    plugin: ClassVar[str]
    capabilities: ClassVar[Capabilities]
    signature_headers: ClassVar[tuple[str, ...]]
    """Lower-case names of the headers that `verify` reads; they are stored with the event for replay."""

    def __init__(self, connection: Connection, account: str) -> None:
        self.connection = connection
        self.account = account

    # --- pure ----------------------------------------------------------------------------------

    @abstractmethod
    def verify(self, body: bytes, headers: Headers, *, now: Instant) -> None:
        """Prove that the provider signed these very bytes for this connection, close to `now`.

        Any live secret of the connection will do; the window is two-sided. Raises SignatureInvalid, and
        nothing else, on whatever bytes and headers arrive.
        """

    @abstractmethod
    def parse(self, body: bytes) -> Event:
        """Read a verified body. Total: raises MalformedBody, and nothing else."""

    @abstractmethod
    def parse_fetched(self, fetched: Fetched) -> Event:
        """Read a fetched object as if an event had carried it. Raises MalformedBody."""

    @abstractmethod
    def normalise(self, event: Event) -> Normalised:
        """What the event means. Pure and total: unknown types are ignored with a reason.

        Raises MalformedBody where a documented type lacks what it needs; the event is then quarantined.
        """

    # --- awaited -------------------------------------------------------------------------------

    @abstractmethod
    async def fetch(self, kind: str, object_id: str) -> Fetched:
        """The object's present state. Raises ProviderRefused if the provider has none of that id."""

    @abstractmethod
    async def ensure_customer(self, request: CustomerRequest, *, key: str) -> str:
        """The provider's customer of ours, found by our reference or created; never found by e-mail."""

    @abstractmethod
    async def ensure_price(self, request: PriceRequest, *, key: str) -> str:
        """The provider's price of an offer version, found by our reference or created."""

    @abstractmethod
    async def create_checkout(self, request: CheckoutRequest, *, key: str) -> ProviderCheckout:
        """A hosted checkout. The same key gives the same checkout while the provider remembers keys."""

    @abstractmethod
    async def find_checkout(self, attempt: str) -> ProviderCheckout | None:
        """The checkout that carries our attempt in its metadata; how an unknown outcome is resolved."""

    @abstractmethod
    async def aclose(self) -> None:
        """Let go of connections."""

    # --- awaited, by capability ------------------------------------------------------------------

    async def expire_checkout(self, session: str, *, key: str) -> tuple[Fact, ...]:
        """Make an open checkout unpayable. Needs `expire_checkout`."""
        raise self.missing(
            Capability.EXPIRE_CHECKOUT, "mark the attempt withdrawn and watch for a late payment"
        )

    async def cancel_subscription(
        self, subscription: str, *, at_period_end: bool, key: str
    ) -> tuple[Fact, ...]:
        """Cancel now or at the end of the period. Needs `cancel_now` or `cancel_at_period_end`."""
        needed = Capability.CANCEL_AT_PERIOD_END if at_period_end else Capability.CANCEL_NOW
        raise self.missing(needed, "cancel it in the provider's dashboard")

    async def uncancel_subscription(self, subscription: str, *, key: str) -> tuple[Fact, ...]:
        """Take back a cancellation at period end. Needs `uncancel`."""
        raise self.missing(Capability.UNCANCEL, "start a new checkout")

    async def change_subscription(
        self, subscription: str, *, price: str, quantity: int, key: str
    ) -> tuple[Fact, ...]:
        """Put the subscription's one item on another price or quantity. Needs `change_subscription`."""
        raise self.missing(Capability.CHANGE_SUBSCRIPTION, "cancel it and start a new checkout")

    async def refund(self, invoice: str, *, amount: int | None, key: str) -> tuple[Fact, ...]:
        """Pay back an invoice, wholly (None) or in part, in minor units. Needs `refund`, `partial_refund`."""
        needed = Capability.REFUND if amount is None else Capability.PARTIAL_REFUND
        raise self.missing(needed, "refund it in the provider's dashboard")

    async def create_portal(self, customer: str, *, return_url: str) -> str:
        """URL of a page where the customer manages payment methods and subscriptions. Needs `portal`."""
        raise self.missing(Capability.PORTAL, "link to a page of your own")

    async def events(self, *, cursor: str, limit: int = EVENT_PAGE_MAX) -> EventPage:
        """Past events behind `cursor` ("" = the oldest kept). Needs `list_events`."""
        raise self.missing(Capability.LIST_EVENTS, "reconcile by listing objects")

    async def objects(self, kind: str, *, cursor: str, limit: int = EVENT_PAGE_MAX) -> ObjectPage:
        """All objects of a kind behind `cursor` ("" = from the start). Needs `list_objects`."""
        raise self.missing(Capability.LIST_OBJECTS, "reconcile from the provider's events")

    def missing(self, capability: Capability, instead: str) -> CapabilityMissing:
        """The error for an operation that this adapter does not declare."""
        return CapabilityMissing(
            f"{self.plugin} (connection {self.connection.name!r}) has no {capability.value}",
            hint=f"Instead: {instead}.",
        )
