"""Receipts: what a workflow did, stage by stage, why it went where it went, and what came of it."""

from __future__ import annotations

import attrs

from purchase_core.errors import NotFound
from purchase_core.facts.fact import intent_key
from purchase_core.instants import Instant
from purchase_core.ports.router import RoutingDecision, decode_decision
from purchase_core.ports.store import Question, Store
from purchase_core.records.command import Stage
from purchase_core.records.lane import customer_of


@attrs.frozen
class FactLine:
    """One fact that followed: its key, when it was recorded, and the delivery or command that brought it."""

    key: str
    recorded_at: Instant
    cause: str


@attrs.frozen
class Receipt:
    """A workflow's receipt. `stages` are those that really happened; `facts` are all of its cluster's.

    `version` identifies it as it stands: what is done by hand is done to what was seen.
    """

    id: str
    kind: str
    state: str
    customer: str
    connection: str
    reference: str
    created_at: Instant
    updated_at: Instant
    stages: tuple[Stage, ...]
    decision: RoutingDecision | None
    facts: tuple[FactLine, ...]
    version: str


class Receipts:
    """Receipts by id."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, receipt_id: str) -> Receipt:
        """One receipt. Raises NotFound."""
        command = await self._store.command_by_id(receipt_id)
        if command is None:
            raise NotFound(
                f"no receipt {receipt_id!r}", hint="`checkout.start` returns the id, as `receipt`."
            )
        # A checkout's reference is its intent's id; any other command names the object that it is about.
        key = command.reference if ":" in command.reference else intent_key(command.reference)
        view = await self._store.look(Question(objects=(key,)))
        found = view.references.get(key)
        facts = await self._store.facts_about(found.root) if found else ()
        return Receipt(
            id=command.id,
            kind=command.kind,
            state=command.state,
            customer=customer_of(command.lane),
            connection=command.connection,
            reference=command.reference,
            created_at=command.created_at,
            updated_at=command.updated_at,
            stages=command.stages,
            decision=decode_decision(command.decision) if command.decision else None,
            facts=tuple(FactLine(one.fact.key, one.recorded_at, one.cause) for one in facts),
            version=command.version,
        )
