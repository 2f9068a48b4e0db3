"""Two providers that differ as Stripe and Paddle do, with sessions that can be opened, paid and closed.

What differs: Stripe has idempotency keys, and expires an open session; Paddle has neither, its page can be
paid for as long as somebody has it open, and it shows prices with tax.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import attrs

from purchase_core.billing import Billing
from purchase_core.errors import OutcomeUnknown, ProviderRefused, ProviderUnavailable
from purchase_core.facts.bodies import InvoiceLine, InvoiceSeen, Item, SessionSeen, SubscriptionSeen
from purchase_core.facts.fact import Fact, seen
from purchase_core.instants import DAY, HOUR, Clock, Instant
from purchase_core.plugins.descriptors import NoConfig, ProviderOpening, ProviderPlugin
from purchase_core.plugins.hookspecs import hookimpl
from purchase_core.ports.provider import (
    Capabilities,
    Capability,
    CheckoutRequest,
    Fetched,
    Normalised,
    PriceRequest,
    ProviderCheckout,
)
from purchase_core.testing.scripted import ScriptedProvider

PERIOD_DAYS = 30
SELLING = frozenset(
    {
        Capability.SUBSCRIPTION_CHECKOUT,
        Capability.ONE_TIME_CHECKOUT,
        Capability.TRIAL,
        Capability.QUANTITY,
        Capability.CHECKOUT_EXPIRY,
    }
)


class Trouble(StrEnum):
    """What becomes of the next request that would open a session."""

    REFUSED = "refused"
    DOWN = "down"  # it never arrived
    ANSWER_LOST = "answer_lost"  # the session is there, and we are not told
    LOST = "lost"  # it never arrived, and that cannot be told


@attrs.define
class Session:
    """A session in the account. `status`: open | complete | expired."""

    id: str
    request: CheckoutRequest
    opened_at: Instant
    status: str = "open"


class ShapedProvider(ScriptedProvider):
    """An account with sessions. `troubles` meet the next requests, one each; `ensuring` those before them."""

    clock: Clock

    def __init__(self, opening: ProviderOpening[NoConfig]) -> None:
        super().__init__(opening.connection, opening.webhook_secrets)
        self.clock = opening.clock
        self.sessions: dict[str, Session] = {}
        self.troubles: deque[Trouble] = deque()
        self._amounts: dict[str, PriceRequest] = {}
        self._events = 0

    async def ensure_price(self, request: PriceRequest, *, key: str) -> str:
        """The offer version, prefixed."""
        price = await super().ensure_price(request, key=key)
        self._amounts[price] = request
        return price

    async def create_checkout(self, request: CheckoutRequest, *, key: str) -> ProviderCheckout:
        """A session; with keys, the same one for the same key."""
        self._called("create_checkout", key)
        trouble = self.troubles.popleft() if self.troubles else None
        if trouble is Trouble.REFUSED:
            raise ProviderRefused("not with us", provider_code="not_sold_here")
        if trouble is Trouble.DOWN:
            raise ProviderUnavailable("nobody is there")
        if trouble is Trouble.LOST:
            raise OutcomeUnknown("no answer")
        session = self._open(request, key)
        if trouble is Trouble.ANSWER_LOST:
            raise OutcomeUnknown("no answer")
        return self._checkout(session)

    def _open(self, request: CheckoutRequest, key: str) -> Session:
        name = f"{self.plugin}_{key}"
        if not self.capabilities.key_lifetime_seconds:
            name = f"{name}_{len(self.sessions) + 1}"
        return self.sessions.setdefault(name, Session(name, request, self.clock.now()))

    async def find_checkout(self, attempt: str) -> ProviderCheckout | None:
        """The session whose metadata carries the attempt."""
        self._called("find_checkout", attempt)
        found = (one for one in self.sessions.values() if one.request.reference.attempt == attempt)
        session = next(found, None)
        return self._checkout(session) if session else None

    async def fetch(self, kind: str, object_id: str) -> Fetched:
        """A session as it is now."""
        self._called("fetch", object_id)
        event = self._meaning((self._session_fact(self.sessions[object_id]),))
        return Fetched(kind, object_id, self.clock.now(), event)

    def open_sessions(self) -> Sequence[Session]:
        """Sessions that can be paid now."""
        return [one for one in self.sessions.values() if one.status == "open"]

    def pay(self, session_id: str) -> tuple[Fact, ...]:
        """Pay an open session: what the provider then shows of it. Raises ProviderRefused if it is over."""
        session = self.sessions[session_id]
        if session.status != "open":
            raise ProviderRefused(f"session {session_id} is {session.status}")
        session.status = "complete"
        now, request = self.clock.now(), session.request
        price = self._amounts[request.price]
        amount = price.unit_amount * request.quantity
        subscription = f"sub_{session.id}" if request.mode == "subscription" else ""
        line = InvoiceLine(request.price, request.quantity, price.unit_amount, amount, price.currency)
        invoice = InvoiceSeen(
            f"in_{session.id}", "paid", "first", request.customer, price.currency, amount, amount, (line,),
            paid_at=now, subscription=subscription, intent=request.reference.intent,
        )  # fmt: skip
        facts = [self._session_fact(session), seen(self.connection.name, now, invoice)]
        if subscription:
            item = Item(request.price, request.quantity, price.unit_amount, price.currency)
            end = Instant(now + PERIOD_DAYS * DAY)
            body = SubscriptionSeen(
                subscription,
                "active",
                request.customer,
                (item,),
                now,
                end,
                now,
                intent=request.reference.intent,
            )
            facts.append(seen(self.connection.name, now, body))
        return tuple(facts)

    async def deliver(self, billing: Billing, facts: tuple[Fact, ...]) -> str:
        """Send a webhook that shows these facts; what became of it."""
        body, headers = self.signed(self._meaning(facts), now=self.clock.now())
        return (await billing.webhooks.receive(self.connection.name, body, headers)).status

    def _checkout(self, session: Session) -> ProviderCheckout:
        expires_at = Instant(session.opened_at + 24 * HOUR)
        url = f"https://pay.example/{session.id}"
        return ProviderCheckout(session.id, url, expires_at, (self._session_fact(session),))

    def _session_fact(self, session: Session) -> Fact:
        done = session.status == "complete"
        request = session.request
        body = SessionSeen(
            session.id, session.status, "paid" if done else "unpaid", request.customer,
            request.reference.intent,
            f"sub_{session.id}" if done and request.mode == "subscription" else "",
            f"in_{session.id}" if done else "",
        )  # fmt: skip
        return seen(self.connection.name, self.clock.now(), body, final=session.status == "expired")

    def _meaning(self, facts: tuple[Fact, ...]) -> bytes:
        """The body of an event that means these facts."""
        self._events += 1
        name = f"evt_{self.connection.name}_{self._events}"
        self.meanings[name] = Normalised(facts)
        return f'{{"id": "{name}"}}'.encode()


class StripeShaped(ShapedProvider):
    """Keys that hold for a day, and sessions that can be expired."""

    plugin = "stripe-shaped"
    capabilities = Capabilities(
        SELLING | {Capability.EXPIRE_CHECKOUT},
        key_lifetime_seconds=86_400,
    )

    async def expire_checkout(self, session: str, *, key: str) -> tuple[Fact, ...]:
        """Close an open session."""
        self._called("expire_checkout", key)
        found = self.sessions[session]
        if found.status != "open":
            raise ProviderRefused(f"session {session} is {found.status}")
        found.status = "expired"
        return (self._session_fact(found),)


class PaddleShaped(ShapedProvider):
    """No keys, and pages that stay payable."""

    plugin = "paddle-shaped"
    capabilities = Capabilities(SELLING, key_lifetime_seconds=0)


class ShapedPlugin:
    """Brings both providers. `providers` holds what was opened last, by connection."""

    def __init__(self) -> None:
        self.providers: dict[str, ShapedProvider] = {}
        self._kinds: dict[str, type[ShapedProvider]] = {
            one.plugin: one for one in (StripeShaped, PaddleShaped)
        }

    @hookimpl
    def purchase_register_providers(self) -> Sequence[ProviderPlugin[Any]]:
        """The providers "stripe-shaped" and "paddle-shaped"."""
        return [
            ProviderPlugin(name, kind.capabilities, NoConfig, self._open, test_only=True)
            for name, kind in self._kinds.items()
        ]

    async def _open(self, opening: ProviderOpening[NoConfig]) -> ShapedProvider:
        """The account of a connection outlives the process that opened it."""
        name = opening.connection.name
        known = self.providers.get(name)
        if known is None:
            known = self.providers[name] = self._kinds[opening.connection.plugin](opening)
        return known
