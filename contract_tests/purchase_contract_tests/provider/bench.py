"""The bench: an adapter, and the means to play everybody else: provider, buyer, network and clock.

An adapter's author writes one, over a simulator of the provider that answers on loopback or in process.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum

import attrs

from purchase_core.instants import Instant
from purchase_core.ports.provider import Headers, Provider, ProviderCheckout


class Key(StrEnum):
    """Whose secret signs a webhook."""

    NEW = "new"  # the connection's
    OLD = "old"  # the connection's too, until it is rotated out
    RETIRED = "retired"  # was the connection's once
    OTHER = "other"  # another connection's, at the same provider
    EMPTY = "empty"  # no bytes at all


class Trouble(StrEnum):
    """What can happen to a call."""

    UNREACHABLE = "unreachable"  # nobody accepts the connection
    BUSY = "busy"  # 429, before anything has happened
    BROKEN = "broken"  # a 500 that does not say whether anything has happened
    GARBLED = "garbled"  # a page of HTML where JSON was expected
    LOST_ANSWER = "lost answer"  # it happened, and then the connection was cut


@attrs.frozen
class Webhook:
    """A delivery as it arrives."""

    body: bytes
    headers: Headers


class ProviderBench(ABC):
    """One connection, opened on a simulated account that holds nothing yet.

    `provider` has the webhook secrets NEW and OLD. `neighbour` is a connection of another project to the
    same account. `locked_out` has an API key that the provider does not accept.
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
