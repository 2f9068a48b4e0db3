"""Which attempt at a checkout is the current one, as the store has it."""

from __future__ import annotations

import attrs

from purchase_core.facts.bodies import AttemptMade
from purchase_core.facts.fact import OWN, object_key
from purchase_core.ports.store import Question, Store

CURRENT = "current"


@attrs.frozen
class StoreAttempts:
    """Attempts of one application's store."""

    store: Store

    async def is_current(self, attempt: str) -> bool:
        """Whether the newest that is known of the attempt says that it is current."""
        key = object_key("attempt", OWN, attempt)
        view = await self.store.look(Question(objects=(key,)))
        for cluster in view.clusters.values():
            register = cluster.registers.get(key)
            if register is not None and isinstance(register.newest.body, AttemptMade):
                return register.newest.body.status == CURRENT
        return False
