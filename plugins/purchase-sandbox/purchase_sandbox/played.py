"""What can be played with a sandbox: its time, its webhooks, and events by hand."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from purchase_simulators.wire.panel import PlayedDeliveries, Trigger

from .account.account import Account
from .account.refusal import Refusal
from .account.trigger import TRIGGERS
from .sandbox import Sandbox


class PlayedSandbox(PlayedDeliveries):
    """One account."""

    refusal = Refusal

    def __init__(self, sandbox: Sandbox, account: Account) -> None:
        super().__init__(sandbox, account)
        self._book = account.book

    def triggers(self) -> Mapping[str, Trigger]:
        return {name: partial(act, self._book) for name, act in TRIGGERS.items()}
