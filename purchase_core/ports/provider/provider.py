"""The provider port: what an adapter promises.

Verifying, parsing and normalising are pure and synchronous. Everything that talks to the provider is
awaited, takes an idempotency key where it has an effect, and raises only errors of ProviderError's branch:
ProviderRefused (nothing happened), ProviderUnavailable (proved not to have happened), OutcomeUnknown
(it may have happened). An adapter retries by itself only what is provably safe.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from purchase_core.errors import CapabilityMissing
from purchase_core.facts.fact import Fact
from purchase_core.instants import Instant
from purchase_core.ports.provider.capabilities import Capabilities, Capability
from purchase_core.ports.provider.catalog import (
    CATALOG_PAGE_MAX,
    PricePage,
    ProductPage,
    ProductRequest,
)
from purchase_core.ports.provider.connection import Connection
from purchase_core.ports.provider.customers import CustomerPage, ListedCustomer
from purchase_core.ports.provider.events import (
    EVENT_PAGE_MAX,
    Event,
    EventPage,
    Fetched,
    Headers,
    Normalised,
    ObjectPage,
)
from purchase_core.ports.provider.needs import (
    INSTEAD,
    needed_for_pause,
    needed_for_portal,
    needed_for_price,
)
from purchase_core.ports.provider.pages import AsgiApp, Attempts
from purchase_core.ports.provider.requests import (
    ChangePreview,
    ChangeRequest,
    CheckoutRequest,
    CustomerRequest,
    InvoiceLinks,
    PauseRequest,
    PortalRequest,
    PriceRequest,
    ProviderCheckout,
    RefundRequest,
    WebhookEndpoint,
)
from purchase_core.records.finding import Finding

OPERATIONS = (
    "fetch",
    "ensure_customer",
    "ensure_price",
    "create_checkout",
    "find_checkout",
    "expire_checkout",
    "cancel_subscription",
    "uncancel_subscription",
    "change_subscription",
    "preview_change",
    "pause_subscription",
    "resume_subscription",
    "refund",
    "find_refund",
    "invoice_links",
    "create_portal",
    "events",
    "objects",
    "customers",
    "find_customer",
    "products",
    "prices",
    "create_product",
    "create_price",
    "update_product",
    "update_price",
    "archive_product",
    "archive_price",
    "endpoints",
    "create_endpoint",
    "examine",
)
"""What is awaited of a provider, by name: everything but `aclose`."""


class Provider(ABC):
    """One connection to one provider account, opened by its plugin's factory."""

    plugin: ClassVar[str]
    capabilities: ClassVar[Capabilities]
    signature_headers: ClassVar[tuple[str, ...]]
    """Lower-case names of the headers that `verify` reads; they are stored with the event for replay."""

    listed_kinds: ClassVar[tuple[str, ...]] = ("subscription", "invoice", "refund", "dispute", "session")
    """Kinds by which `objects` lists everything that facts are made of, each object at least once."""

    needed_events: ClassVar[frozenset[str]] = frozenset()
    """Types of events that an endpoint must be sent: those that `normalise` reads."""
    endpoint_version: ClassVar[str] = ""
    """The API version that endpoints are made with, where the provider has several."""

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

    def page_url(self, kind: str, provider_id: str) -> str:
        """Where the provider's dashboard shows an object, in this connection's mode: https; "" for nowhere.

        `kind`: one that facts have, or `customer`, `event`, `product`, `price`. Pure and total: whatever is
        no id of the provider's is shown nowhere.
        """
        return ""

    # --- awaited -------------------------------------------------------------------------------

    @abstractmethod
    async def fetch(self, kind: str, object_id: str) -> Fetched:
        """The object's present state. Raises ProviderRefused if the provider has none of that id."""

    @abstractmethod
    async def ensure_customer(self, request: CustomerRequest, *, key: str) -> str:
        """The provider's customer of ours, found by our reference or created.

        Never found by an e-mail address, unless the provider has one customer an address
        (`Capabilities.unique_emails`): then two of ours may get the same one, one of ours may get another
        with another address, and a request without an address may be refused (ProviderRefused). One that is
        gone (`CustomerRequest.instead_of`) is never returned: another one is made in its place, under the
        same id by any number of tries; or it is refused, where the address stays with the one that is gone.
        """

    @abstractmethod
    async def ensure_price(self, request: PriceRequest, *, key: str) -> str:
        """The provider's price of an offer version, found by our reference or created.

        Raises CapabilityMissing, before any call, for what is not declared (`needed_for_price`). Where trials
        belong to prices, a version has one price with its trial and one without.
        """

    @abstractmethod
    async def create_checkout(self, request: CheckoutRequest, *, key: str) -> ProviderCheckout:
        """A hosted checkout. The same key gives the same checkout while the provider remembers keys.

        Raises CapabilityMissing, before any call, for an option that is not declared (`needed_for_checkout`).
        """

    @abstractmethod
    async def find_checkout(self, attempt: str) -> ProviderCheckout | None:
        """The checkout that carries our attempt in its metadata; how an unknown outcome is resolved."""

    @abstractmethod
    async def aclose(self) -> None:
        """Let go of connections."""

    # --- awaited, by capability ------------------------------------------------------------------
    # What a change at the provider answers are its facts: the answer and its webhook witness one state.

    async def expire_checkout(self, session: str, *, key: str) -> tuple[Fact, ...]:
        """Make an open checkout unpayable. Needs `expire_checkout`."""
        raise self.missing(Capability.EXPIRE_CHECKOUT)

    async def cancel_subscription(
        self, subscription: str, *, at_period_end: bool, key: str
    ) -> tuple[Fact, ...]:
        """Cancel now or at the end of the period. Needs `cancel_now` or `cancel_at_period_end`."""
        raise self.missing(Capability.CANCEL_AT_PERIOD_END if at_period_end else Capability.CANCEL_NOW)

    async def uncancel_subscription(self, subscription: str, *, key: str) -> tuple[Fact, ...]:
        """Take back a cancellation at period end. Needs `uncancel`."""
        raise self.missing(Capability.UNCANCEL)

    async def change_subscription(self, request: ChangeRequest, *, key: str) -> tuple[Fact, ...]:
        """Change its price or quantity. Needs `change_subscription`, and what `needed_for_change` says."""
        raise self.missing(Capability.CHANGE_SUBSCRIPTION)

    async def preview_change(self, request: ChangeRequest) -> ChangePreview:
        """What the change would cost. Changes nothing. Needs `preview_change` and what the change needs."""
        raise self.missing(Capability.PREVIEW_CHANGE)

    async def pause_subscription(self, request: PauseRequest, *, key: str) -> tuple[Fact, ...]:
        """Stop it for a while. Needs what `needed_for_pause` says."""
        raise self.missing(*needed_for_pause(request))

    async def resume_subscription(self, subscription: str, *, new_period: bool, key: str) -> tuple[Fact, ...]:
        """Go on with a paused one: with a period that begins now, or with the one it had.

        One of which only nothing was collected is collected again. Needs `pause` or `pause_collection`.
        """
        raise self.missing(Capability.PAUSE)

    async def refund(self, request: RefundRequest, *, key: str) -> tuple[Fact, ...]:
        """Pay back an invoice. Needs `refund` (wholly) or `partial_refund`.

        Where refunds are approved (`Capabilities.refund_approval`), a second one may have to wait for the
        first. Raises NotYetAllowed for what will be allowed later, before anything is done.
        """
        raise self.missing(Capability.REFUND if request.amount is None else Capability.PARTIAL_REFUND)

    async def find_refund(self, invoice: str, command: str) -> tuple[Fact, ...]:
        """The refund of an invoice that carries our command; none, if there is none. Needs `refund`."""
        raise self.missing(Capability.REFUND)

    async def invoice_links(self, invoice: str) -> InvoiceLinks:
        """Pages about an invoice, made for the moment: not to be kept. Needs `invoice_links`."""
        raise self.missing(Capability.INVOICE_LINKS)

    async def create_portal(self, request: PortalRequest) -> str:
        """URL of a page for the customer. Needs what `needed_for_portal` says."""
        raise self.missing(*needed_for_portal(request))

    async def events(self, *, cursor: str, limit: int = EVENT_PAGE_MAX) -> EventPage:
        """Past events behind `cursor` ("" = the oldest kept). Needs `list_events`."""
        raise self.missing(Capability.LIST_EVENTS)

    async def objects(self, kind: str, *, cursor: str, limit: int = EVENT_PAGE_MAX) -> ObjectPage:
        """All objects of a kind behind `cursor` ("" = from the start). Needs `list_objects`."""
        raise self.missing(Capability.LIST_OBJECTS)

    async def customers(self, *, cursor: str, limit: int = EVENT_PAGE_MAX) -> CustomerPage:
        """Every customer of the account behind `cursor` ("" = from the start). Needs `list_objects`.

        Those that are gone are left out, or marked as such.
        """
        raise self.missing(Capability.LIST_OBJECTS)

    async def find_customer(self, customer: str) -> ListedCustomer | None:
        """The customer of an id; None if it is gone: deleted, or put aside and sold to no more.

        Only an answer says so: whatever keeps the provider from one is raised. Needs `list_objects`.
        """
        raise self.missing(Capability.LIST_OBJECTS)

    # --- awaited, for rollouts: needs `catalog` ----------------------------------------------------
    # Each is absolute, so that what was done already can be done again. What is made carries our mark.

    def price_lookup(self, request: PriceRequest) -> str:
        """The name that a price of this request is found by; "" where the provider has no such names."""
        return ""

    async def products(self, *, cursor: str, limit: int = CATALOG_PAGE_MAX) -> ProductPage:
        """Every product of the account behind `cursor`, archived ones too. Needs `catalog`."""
        raise self.missing(Capability.CATALOG)

    async def prices(self, *, cursor: str, limit: int = CATALOG_PAGE_MAX) -> PricePage:
        """Every price of the account behind `cursor`, archived ones too. Needs `catalog`."""
        raise self.missing(Capability.CATALOG)

    async def create_product(self, request: ProductRequest, *, key: str) -> str:
        """A new product of ours; the one that is there, where the provider knows it by key or name of ours.

        Needs `catalog`.
        """
        raise self.missing(Capability.CATALOG)

    async def create_price(self, request: PriceRequest, *, key: str) -> str:
        """A new price of `request.product`; the one that is there, where the provider knows it as above.

        Needs `catalog`, and what `needed_for_price` says.
        """
        raise self.missing(Capability.CATALOG, *needed_for_price(request))

    async def update_product(self, product: str, request: ProductRequest, *, key: str) -> None:
        """Make a product ours, active, and what the request says. Needs `catalog`."""
        raise self.missing(Capability.CATALOG)

    async def update_price(self, price: str, request: PriceRequest, *, key: str) -> None:
        """Make a price ours, active, and what the request says, as far as prices can be changed there.

        Needs `catalog`, and what `needed_for_price` says.
        """
        raise self.missing(Capability.CATALOG, *needed_for_price(request))

    async def archive_product(self, product: str, *, key: str) -> None:
        """Sell a product no more; it stays what it is to those who have it. Needs `catalog`."""
        raise self.missing(Capability.CATALOG)

    async def archive_price(self, price: str, *, key: str) -> None:
        """Sell a price no more; those who pay it go on paying it. Needs `catalog`."""
        raise self.missing(Capability.CATALOG)

    async def endpoints(self) -> tuple[WebhookEndpoint, ...]:
        """Every endpoint of the account, other applications' too. Needs `webhook_endpoints`."""
        raise self.missing(Capability.WEBHOOK_ENDPOINTS)

    async def create_endpoint(self, url: str, *, key: str) -> WebhookEndpoint:
        """An endpoint for the events that this adapter reads, in its API version; with its secret.

        Needs `webhook_endpoints`.
        """
        raise self.missing(Capability.WEBHOOK_ENDPOINTS)

    # --- in the application --------------------------------------------------------------------

    def checkout_page(self, attempts: Attempts) -> AsgiApp | None:
        """The page of the application that carries this provider's checkout; None: the provider hosts it.

        It shows no attempt that is not current.
        """
        return None

    async def examine(self) -> Sequence[Finding]:
        """What a doctor should know of this account: settings that keep something from working."""
        return ()

    def need(self, *capabilities: Capability) -> None:
        """Raise CapabilityMissing unless all of these are declared. Called before anything is sent."""
        undeclared = [one for one in capabilities if one not in self.capabilities]
        if undeclared:
            raise self.missing(*undeclared)

    def missing(self, *capabilities: Capability) -> CapabilityMissing:
        """The error for an operation that this adapter does not declare."""
        undeclared = [one for one in capabilities if one not in self.capabilities] or capabilities
        names = ", ".join(one.value for one in undeclared)
        return CapabilityMissing(
            f"{self.plugin} (connection {self.connection.name!r}) has no {names}",
            hint=f"Instead: {INSTEAD[undeclared[0]]}.",
        )
