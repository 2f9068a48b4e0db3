"""Adoption: a policy is kept, by its hash, from its first decision on: so any decision can be run again."""

from __future__ import annotations

from contextlib import suppress

from purchase_core.errors import KeyConflict
from purchase_core.identifiers import IdSource
from purchase_core.instants import Clock
from purchase_core.ports.batch import Batch
from purchase_core.ports.router import Router
from purchase_core.ports.store import Store
from purchase_core.records.command import CONFIRMED, Command, Stage
from purchase_core.routing.policy import EMPTY, Policy

KIND = "routing.policy"
LANE = "routing"


class Adoptions:
    """Keeps policies as commands that have ended: each has a receipt, which says when it was first used.

    All but the empty one, which needs no keeping.

    Costs a read once per policy and process, and one write once per policy.
    """

    def __init__(self, store: Store, clock: Clock, ids: IdSource) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._known: set[str] = set()

    async def adopt(self, router: Router) -> None:
        """Keep what the router decides by, if it says it and it is not kept already."""
        if router.document in (b"", EMPTY) or router.policy in self._known:
            return
        if await self.document(router.policy) is None:
            now = self._clock.now()
            command = Command(
                key=_key(router.policy),
                id=self._ids.new("receipt"),
                kind=KIND,
                lane=LANE,
                fingerprint=router.policy,
                state=CONFIRMED,
                connection="",
                reference=router.policy,
                created_at=now,
                updated_at=now,
                stages=(Stage("adopted", now, router.policy),),
                request=router.document,
            )
            with suppress(KeyConflict):  # another process was faster; the key says that it is the same
                await self._store.commit(Batch(self._ids.new("batch"), now, command=command))
        self._known.add(router.policy)

    async def document(self, policy: str) -> bytes | None:
        """The policy of this hash, as it was kept."""
        command = await self._store.command(_key(policy))
        if command is not None:
            return command.request
        return EMPTY if policy == Policy().hash else None


def _key(policy: str) -> str:
    return f"{KIND}:{policy}"
