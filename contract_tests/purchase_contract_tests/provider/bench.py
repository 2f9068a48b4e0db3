"""The bench: an adapter, and the means to play everybody else: provider, buyer, network and clock.

An adapter's author writes one, over a simulator of the provider that answers on loopback or in process.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum

import attrs

from purchase_core.instants import Instant
from purchase_core.ports.provider import Headers, Provider, ProviderCheckout

SLOW_SECONDS_MAX = 7 * 86_400  # within which the money of a slow method arrives, or fails to


class Key(StrEnum):
    """Whose secret signs a webhook."""

    NEW = "new"  # the connection's
    OLD = "old"  # the connection's too, until it is rotated out
    RETIRED = "retired"  # was the connection's once
    OTHER = "other"  # another connection's, at the same provider
    EMPTY = "empty"  # no bytes at all


class Trouble(StrEnum):
    """What can happen to a call: to every call, but for lost answers, which befall changes only."""

    UNREACHABLE = "unreachable"  # nobody accepts the connection
    BUSY = "busy"  # 429, before anything has happened
    BROKEN = "broken"  # a 500 that does not say whether anything has happened
    GARBLED = "garbled"  # a page of HTML where JSON was expected
    LOST_ANSWER = "lost answer"  # a change happened, and then the connection was cut; reads are answered


@attrs.frozen
class Discount:
    """A discount at the provider: its id, and the code that a buyer may type for it."""

    id: str
    code: str


@attrs.frozen
class Webhook:
    """A delivery as it arrives."""

    body: bytes
    headers: Headers


class ProviderBench(ABC):
    """One connection, opened on a simulated account that holds nothing yet.

    `provider` has the webhook secrets NEW and OLD. `neighbour` is a connection of another project to the
    same account. `locked_out` has an API key that the provider does not accept. What is abstract here every
    bench can play; the rest is asked for only where the adapter declares what is named.
    """

    provider: Provider
    neighbour: Provider
    locked_out: Provider

    @abstractmethod
    def now(self) -> Instant:
        """The provider's time."""

    @abstractmethod
    def sign(self, body: bytes, *, at: Instant, keys: Sequence[Key] = (Key.NEW,)) -> Headers:
        """The headers that the provider would send with a body at `at`, signed with each of the keys."""

    @abstractmethod
    def confidential(self) -> Sequence[str]:
        """Everything that must never show: API keys and webhook secrets of all three connections."""

    @abstractmethod
    async def pay(self, checkout: ProviderCheckout) -> None:
        """Pay on the hosted page with a card that works. Raises if the page does not take the payment."""

    @abstractmethod
    async def sent(self) -> Sequence[Webhook]:
        """Webhooks that were sent since this was last asked, in the order of sending."""

    @abstractmethod
    async def advance(self, seconds: int) -> None:
        """Let time pass at the provider: trials end, subscriptions renew."""

    @abstractmethod
    def trouble(self, kind: Trouble) -> AbstractAsyncContextManager[None]:
        """Until the block ends, every call of `provider` meets this trouble; retries meet it again."""

    def misdirected(self, body: bytes) -> Mapping[str, bytes]:
        """Genuine events that belong to another account or mode, made of one that is ours; by what they are.

        None where a provider's events name neither: then their secret says whose they are.
        """
        return {}

    # --- by capability ---------------------------------------------------------------------------

    async def fail_payments(self, subscription: str) -> None:
        """The card of a subscription is declined from now on. For `subscription_checkout`."""
        raise _unplayed("fail_payments")

    async def recover_payments(self, subscription: str) -> None:
        """The customer gives a card that works, and what is owed is charged. For `subscription_checkout`."""
        raise _unplayed("recover_payments")

    async def pay_slowly(self, checkout: ProviderCheckout, *, arrives: bool) -> None:
        """Pay on the hosted page by a method whose money arrives within SLOW_SECONDS_MAX, or does not.

        For the trait `delayed_payments`.
        """
        raise _unplayed("pay_slowly")

    async def accept(self, checkout: ProviderCheckout) -> None:
        """Begin a trial on the hosted page, without a card. Raises if the page asks for one.

        For `trial_without_card`.
        """
        raise _unplayed("accept")

    async def discount(self, percent: int) -> Discount:
        """Somebody makes a discount in the dashboard. For `discount` and `promotion_codes`."""
        raise _unplayed("discount")

    async def pay_with_code(self, checkout: ProviderCheckout, code: str) -> None:
        """Type a promotion code on the hosted page, and pay. Raises if it takes none.

        For `promotion_codes`.
        """
        raise _unplayed("pay_with_code")

    async def decide_refund(self, refund: str, *, approved: bool) -> None:
        """The provider approves a pending refund or rejects it. For the trait `refund_approval`."""
        raise _unplayed("decide_refund")

    async def return_refund(self, refund: str) -> None:
        """A refund that had succeeded does not arrive, or is reversed. For `refund`."""
        raise _unplayed("return_refund")

    async def dispute(self, invoice: str, status: str) -> None:
        """A bank asks about a payment (inquiry), takes it (open), gives it back (won) or keeps it (lost).

        One that was won or lost may be opened again. For `disputes`; inquiries and losses for
        `dispute_inquiries` and `dispute_losses`.
        """
        raise _unplayed("dispute")

    async def delete_customer(self, customer: str) -> None:
        """Somebody deletes a customer in the dashboard, or archives it where none can be deleted.

        For `list_objects`.
        """
        raise _unplayed("delete_customer")


def _unplayed(what: str) -> NotImplementedError:
    return NotImplementedError(f"the bench cannot play {what}, which a declared capability needs")
