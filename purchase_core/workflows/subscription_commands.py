"""What is asked of a provider about a subscription, and how to tell that it has happened.

All of it is absolute: asked twice, it is done once. Whether a lost request has got through is read off the
subscription itself.
"""

from __future__ import annotations

from typing import Generic, TypeAlias, TypeVar

import attrs
import msgspec

from purchase_core.catalog.versions import OfferVersion
from purchase_core.facts.bodies import Item, SubscriptionSeen
from purchase_core.facts.fact import Fact
from purchase_core.instants import Instant
from purchase_core.ports.provider import (
    Capability,
    ChangeRequest,
    PauseRequest,
    Proration,
    Provider,
    needed_for_change,
    needed_for_pause,
)
from purchase_core.records.command import Command
from purchase_core.workflows.commands import CommandKind
from purchase_core.workflows.observing import observe
from purchase_core.workflows.provisions import Provisions


@attrs.frozen
class ChangeWish:
    """Another version or quantity. Its price in the currency is made at the provider if need be."""

    subscription: str
    version: OfferVersion
    currency: str
    quantity: int
    proration: Proration
    at_period_end: bool
    preview: str

    def request(self, price: str) -> ChangeRequest:
        """The request, with the provider's id of the price."""
        return ChangeRequest(
            self.subscription, price, self.quantity, self.proration, self.at_period_end, self.preview
        )

    def needed(self) -> tuple[Capability, ...]:
        """What the provider must be capable of."""
        return needed_for_change(self.request(""))


@attrs.frozen
class CancelWish:
    """The end: with the period, or now."""

    subscription: str
    at_period_end: bool

    def needed(self) -> tuple[Capability, ...]:
        """What the provider must be capable of."""
        return (Capability.CANCEL_AT_PERIOD_END if self.at_period_end else Capability.CANCEL_NOW,)


@attrs.frozen
class UncancelWish:
    """No end after all."""

    subscription: str

    def needed(self) -> tuple[Capability, ...]:
        """What the provider must be capable of."""
        return (Capability.UNCANCEL,)


@attrs.frozen
class PauseWish:
    """A pause."""

    subscription: str
    at_period_end: bool
    resumes_at: Instant | None
    collection_only: bool

    def request(self) -> PauseRequest:
        """The request."""
        return PauseRequest(self.subscription, self.at_period_end, self.resumes_at, self.collection_only)

    def needed(self) -> tuple[Capability, ...]:
        """What the provider must be capable of."""
        return needed_for_pause(self.request())


@attrs.frozen
class ResumeWish:
    """The end of a pause. `collection`: of one in which only nothing was charged."""

    subscription: str
    new_period: bool
    collection: bool

    def needed(self) -> tuple[Capability, ...]:
        """What the provider must be capable of."""
        return (Capability.PAUSE_COLLECTION if self.collection else Capability.PAUSE,)


Wish: TypeAlias = ChangeWish | CancelWish | UncancelWish | PauseWish | ResumeWish
W = TypeVar("W", ChangeWish, CancelWish, UncancelWish, PauseWish, ResumeWish)


class SubscriptionCommand(CommandKind, Generic[W]):
    """What the kinds have in common: the outcome is looked for in the subscription as it is now."""

    wish: type[W]
    repeatable = True

    def read(self, command: Command) -> W:
        """The wish, as it was stored."""
        return msgspec.json.decode(command.request, type=self.wish)

    async def find(self, provider: Provider, command: Command) -> tuple[Fact, ...] | None:
        """The subscription's facts, if they show what was wished for."""
        wish = self.read(command)
        facts = await observe(provider, "subscription", wish.subscription)
        seen = (fact.body for fact in facts)
        shown = any(isinstance(body, SubscriptionSeen) and self.shows(wish, body) for body in seen)
        return facts if shown else None

    async def recognise(
        self, provider: Provider, command: Command, object_id: str
    ) -> tuple[Fact, ...] | None:
        """As `find`: it leaves no object of its own, but the subscription itself."""
        return await self.find(provider, command) if object_id == self.read(command).subscription else None

    def shows(self, wish: W, seen: SubscriptionSeen) -> bool:
        """Whether the subscription is as was wished for."""
        raise NotImplementedError

    def refused(self, command: Command, at: Instant) -> tuple[Fact, ...]:
        """Nothing: it stays as it is."""
        return ()


class Change(SubscriptionCommand[ChangeWish]):
    """Puts it on another price or quantity."""

    name = "subscription.change"
    wish = ChangeWish

    def __init__(self, provisions: Provisions) -> None:
        self._provisions = provisions

    async def send(self, provider: Provider, command: Command) -> tuple[Fact, ...]:
        """Make sure of the price, then ask for the change."""
        wish = self.read(command)
        price, _ = await self._provisions.price(provider, wish.version, wish.currency)
        return await provider.change_subscription(wish.request(price), key=command.id)

    async def find(self, provider: Provider, command: Command) -> tuple[Fact, ...] | None:
        """The subscription's facts, if it is at the price of the version; two versions may cost the same."""
        found, wish = await super().find(provider, command), self.read(command)
        price = await self._provisions.known_price(provider, wish.version, wish.currency)
        if found is None or not price:
            return found
        seen = next(one.body for one in found if isinstance(one.body, SubscriptionSeen))
        return found if {one.price for one in _items(wish, seen)} == {price} else None

    def shows(self, wish: ChangeWish, seen: SubscriptionSeen) -> bool:
        """By amount and quantity: the provider's id of the price may not have reached us."""
        version = wish.version
        prices = (*version.prices, *(one.price for one in version.countries))
        wanted = {(one.minor, one.currency, wish.quantity) for one in prices}
        found = [(one.unit_amount, one.currency, one.quantity) for one in _items(wish, seen)]
        return len(found) == 1 and wanted.issuperset(found)


def _items(wish: ChangeWish, seen: SubscriptionSeen) -> tuple[Item, ...]:
    return seen.next_items if wish.at_period_end else seen.items


class Cancel(SubscriptionCommand[CancelWish]):
    """Ends it."""

    name = "subscription.cancel"
    wish = CancelWish

    async def send(self, provider: Provider, command: Command) -> tuple[Fact, ...]:
        """Ask for the end."""
        wish = self.read(command)
        return await provider.cancel_subscription(
            wish.subscription, at_period_end=wish.at_period_end, key=command.id
        )

    def shows(self, wish: CancelWish, seen: SubscriptionSeen) -> bool:
        """It has ended, or an end is planned."""
        return seen.ended_at is not None or (wish.at_period_end and seen.cancel_at is not None)


class Uncancel(SubscriptionCommand[UncancelWish]):
    """Takes back an end that was planned."""

    name = "subscription.uncancel"
    wish = UncancelWish

    async def send(self, provider: Provider, command: Command) -> tuple[Fact, ...]:
        """Ask for it to go on."""
        return await provider.uncancel_subscription(self.read(command).subscription, key=command.id)

    def shows(self, wish: UncancelWish, seen: SubscriptionSeen) -> bool:
        """No end is planned, and it has not ended."""
        return seen.cancel_at is None and seen.ended_at is None


class Pause(SubscriptionCommand[PauseWish]):
    """Stops it for a while."""

    name = "subscription.pause"
    wish = PauseWish

    async def send(self, provider: Provider, command: Command) -> tuple[Fact, ...]:
        """Ask for the pause."""
        return await provider.pause_subscription(self.read(command).request(), key=command.id)

    def shows(self, wish: PauseWish, seen: SubscriptionSeen) -> bool:
        """It is paused. One that is only planned shows nowhere, and is asked for again."""
        return not seen.collecting if wish.collection_only else seen.status == "paused"


class Resume(SubscriptionCommand[ResumeWish]):
    """Goes on with it."""

    name = "subscription.resume"
    wish = ResumeWish

    async def send(self, provider: Provider, command: Command) -> tuple[Fact, ...]:
        """Ask for it to go on."""
        wish = self.read(command)
        return await provider.resume_subscription(
            wish.subscription, new_period=wish.new_period, key=command.id
        )

    def shows(self, wish: ResumeWish, seen: SubscriptionSeen) -> bool:
        """It is charged, and not paused."""
        return seen.status != "paused" and seen.collecting
