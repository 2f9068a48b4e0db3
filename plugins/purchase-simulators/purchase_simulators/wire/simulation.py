"""What a simulator shows to the machinery that serves it and sends its webhooks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeAlias

from purchase_core.instants import Clock, Instant
from purchase_core.ports.provider import Headers
from purchase_core.secret import Secret

from .deliveries import Deliveries, JournalEvent

Listener: TypeAlias = Callable[[JournalEvent], None]
"""Hears of everything that happens, in whichever account."""


class Simulation(Protocol):
    """A provider without a server. Synchronous: between two calls nothing is half done.

    `signing_clock` is what webhooks are timed by: receivers in other processes share it, whatever the
    simulator's own `clock` was advanced to. `base_url` is where its pages can be reached.
    """

    signing_clock: Clock
    base_url: str
    listeners: list[Listener]
    user_agent: str

    @property
    @abstractmethod
    def clock(self) -> Clock:
        """The provider's own time."""

    @abstractmethod
    def catch_up(self) -> None:
        """Let everything happen that is due by now."""

    @abstractmethod
    def outgoing(self) -> Iterable[Deliveries]:
        """The deliveries of each account."""

    @abstractmethod
    def sign(self, body: bytes, *, at: Instant, secrets: Sequence[Secret]) -> Headers:
        """The headers that the provider sends with a body at `at`, signed with each of the secrets."""
