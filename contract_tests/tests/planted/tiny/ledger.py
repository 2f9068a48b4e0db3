"""What a tiny account keeps: documents, each in its newest state, and every event in order."""

from __future__ import annotations

import json
from typing import Any

from purchase_core.instants import Instant

Document = dict[str, Any]


class Refusal(Exception):  # an answer, not a mistake
    """A request that was understood and refused. `more` stands in the answer too."""

    def __init__(self, status: int, code: str, **more: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.more = more


class Ledger:
    """Documents by id, in the order of their making, and what happened to them."""

    id = "acct_tiny"
    mode = "test"
    version = "1"

    def __init__(self, now: Instant) -> None:
        self.now = now
        self.documents: dict[str, Document] = {}
        self.events: list[Document] = []

    def get(self, kind: str, identifier: str) -> Document:
        """A document. Raises Refusal (404)."""
        found = self.documents.get(identifier)
        if found is None or found["object"] != kind:
            raise Refusal(404, "unknown_id")
        return found

    def all(self, kind: str, **fields: object) -> list[Document]:
        """Every document of a kind that has these fields."""
        rows = (one for one in self.documents.values() if one["object"] == kind)
        return [one for one in rows if all(one[name] == value for name, value in fields.items())]

    def make(self, kind: str, prefix: str, **fields: Any) -> Document:
        """A new document; nothing is told of it yet."""
        identifier = f"{prefix}_{len(self.documents) + 1}"
        made = {"object": kind, "id": identifier, **fields, "updated": self.now}
        self.documents[identifier] = made
        return made

    def tell(self, type_: str, document: Document, **changes: Any) -> Document:
        """Change a document, and note the event."""
        self.now = Instant(self.now + 1)  # no two events of one instant
        document.update(changes, updated=self.now)
        event = {
            "object": "event",
            "id": f"evt_{len(self.events) + 1}",
            "type": type_,
            "created": self.now,
            "account": self.id,
            "mode": self.mode,
            "version": self.version,
            "data": json.loads(dump(document)),
        }
        self.events.append(event)
        return document


def dump(document: Document) -> bytes:
    """A document as it is sent."""
    return json.dumps(document, separators=(",", ":")).encode()
