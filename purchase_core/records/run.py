"""The run: something that operations did or are doing, how far it has come, and its receipt."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from purchase_core.instants import Instant
from purchase_core.values import Value

RUNNING = "running"
FINISHED = "finished"


class Run(Value, frozen=True):
    """A rebuild, a replay, a reconciliation or a decision about many deliveries. Unique by `id`.

    `scope` is what it is about: a connection, a filter, "" for everything. `state`: running | finished; one
    that runs no more and is not finished goes on from `cursor`, which only its kind understands. `counts`
    says what came of what; `code` is the version of the code; `note` is who wanted it, and why.
    """

    id: str
    kind: str
    scope: str
    state: str
    code: str
    started_at: Instant
    updated_at: Instant
    cursor: str = ""
    counts: Mapping[str, int] = msgspec.field(default_factory=dict)
    note: str = ""
