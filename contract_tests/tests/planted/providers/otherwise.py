"""What several planted bugs are made of: facts that are read otherwise, changes that are asked otherwise."""

from __future__ import annotations

from typing import Any

from planted.tiny.adapter import TinyProvider
from purchase_core.facts.fact import Fact, seen
from purchase_core.instants import Instant
from purchase_core.ports.provider import (
    ChangeRequest,
)


class ReadsOtherwise(TinyProvider):
    """Passes every body through `changed`, under the same order and finality."""

    def fact(self, kind: str, document: Any, order: Instant) -> Fact:
        fact = super().fact(kind, document, order)
        return seen(fact.connection, fact.order, self.changed(fact.body), final=fact.final)

    def changed(self, body: Any) -> Any:
        raise NotImplementedError


class ChangesOtherwise(TinyProvider):
    """Asks for every change as `asked` says."""

    async def change_subscription(self, request: ChangeRequest, *, key: str) -> tuple[Fact, ...]:
        return await super().change_subscription(self.asked(request), key=key)

    def asked(self, request: ChangeRequest) -> ChangeRequest:
        raise NotImplementedError
