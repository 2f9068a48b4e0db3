"""What can be played with a sandbox: its time, its webhooks, and events by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from purchase_core.errors import NotFound, WrongState
from purchase_simulators.wire.chaos import Chaos
from purchase_simulators.wire.clock import ProviderClock
from purchase_simulators.wire.panel import Played, Shown, Trigger, delivery_shown, event_shown

from .account.account import Account
from .account.book import Book
from .account.refusal import Refusal
from .account.trigger import TRIGGERS
from .sandbox import Sandbox


class PlayedSandbox(Played):
    """One account."""

    def __init__(self, sandbox: Sandbox, account: Account) -> None:
        self._sandbox = sandbox
        self._account = account

    @property
    def chaos(self) -> Chaos:
        return self._sandbox.chaos

    @property
    def clock(self) -> ProviderClock:
        return self._sandbox.clock

    def advance(self, microseconds: int) -> None:
        self._sandbox.advance(microseconds)

    def events(self, limit: int) -> Sequence[Shown]:
        self._account.catch_up()
        return [event_shown(one) for one in self._account.book.events[-limit:]]

    def deliveries(self, limit: int) -> Sequence[Shown]:
        self._account.catch_up()
        self._account.deliveries.plan()
        return [delivery_shown(one) for one in self._account.deliveries.newest(limit)]

    def send_again(self, event: str) -> Sequence[Shown]:
        self._account.deliveries.plan()
        try:
            return [delivery_shown(one) for one in self._account.deliveries.redeliver(event)]
        except Refusal:
            raise NotFound(f"no event {event[:64]!r}") from None

    def triggers(self) -> Mapping[str, Trigger]:
        return {name: partial(self._act, act) for name, act in TRIGGERS.items()}

    def _act(self, act: Callable[[Book, str], None], about: str) -> None:
        self._account.catch_up()
        try:
            act(self._account.book, about)
        except Refusal as refusal:
            raise WrongState(refusal.message) from None
