"""Search: whose something is, by the name of a customer, or by any id of ours or of a provider."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from purchase_core.facts.bodies import KINDS
from purchase_core.facts.fact import OWN, object_key
from purchase_core.ports.store import Question, Store
from purchase_core.records.lane import customer_lane, customer_of
from purchase_core.text import storable

QUERY_CHARACTERS_MAX = 255


@attrs.frozen
class Hit:
    """A customer, and by what they were found: `customer`, or the key of an object of theirs."""

    customer: str
    by: str


class Search:
    """Finds customers. `connections` are those whose ids may be asked for."""

    def __init__(self, store: Store, connections: Iterable[str]) -> None:
        self._store = store
        self._connections = sorted(connections)

    async def customers(self, text: str) -> Sequence[Hit]:
        """Whose it is: a customer's id, a provider's id of any object, an object's key, or a receipt's,
        checkout's or delivery's id. Four reads, however much there is. Raises InvalidText.

        E-mail addresses are not looked for: they are kept sealed, and no index of them exists.
        """
        asked = storable("search", text.strip(), characters_max=QUERY_CHARACTERS_MAX)
        if not asked:
            return ()
        objects = [asked, *self._keys(asked)]
        command = await self._store.command_by_id(asked)
        delivery = await self._store.delivery_by_id(asked)
        if delivery is not None and delivery.object:
            objects.append(delivery.object)
        if command is not None and command.reference:
            objects += [command.reference, object_key("intent", OWN, command.reference)]
        view = await self._store.look(Question(objects=tuple(dict.fromkeys(objects))))
        found: dict[str, str] = {}
        lane = await self._store.lane(customer_lane(asked))
        if lane.version:
            found[customer_of(lane.linked_to) or asked] = "customer"
        for key, reference in view.references.items():
            held = view.lanes.get(reference.lane)
            owner = customer_of((held.linked_to if held else "") or reference.lane)
            if owner:
                found.setdefault(owner, key)
        return [Hit(customer, by) for customer, by in found.items()]

    def _keys(self, asked: str) -> Iterable[str]:
        for connection in (OWN, *self._connections):
            for kind in ("customer", *KINDS):
                yield object_key(kind, connection, asked)
