"""Provenance: which fact said what a row says, and which delivery or command brought it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs

from purchase_core.facts.fact import RecordedFact
from purchase_core.facts.rows import Row
from purchase_core.instants import Instant

OURS = ("key", "lane", "root")  # where a row lies, and not what it says
NAMED: Mapping[str, str] = {"provider_id": "id", "provider_customer": "customer"}  # otherwise in facts


@attrs.frozen
class Source:
    """One column of a row: its value, and the newest fact that says so.

    `fact` is "" where no single fact does: the fold made it of all of the cluster's. `cause` is the delivery
    or command that brought the fact.
    """

    column: str
    value: object
    fact: str = ""
    seen_at: Instant | None = None
    recorded_at: Instant | None = None
    cause: str = ""


def provenance(row: Row, facts: Sequence[RecordedFact]) -> list[Source]:
    """Every column of a row, with where it comes from among the facts of its cluster.

    What a row's own object was seen as counts before what others of its cluster were seen as.
    """
    newest = sorted(facts, key=lambda one: (one.fact.object == row.key, one.fact.order, one.recorded_at))
    return [
        _source(column, getattr(row, column), newest)
        for column in row.__struct_fields__
        if column not in OURS
    ]


def _source(column: str, value: object, facts: Sequence[RecordedFact]) -> Source:
    for one in reversed(facts) if value not in ("", None) else ():
        if any(said == value and type(said) is type(value) for said in _said(one, column)):
            return Source(column, value, one.fact.key, one.fact.order, one.recorded_at, one.cause)
    return Source(column, value)


def _said(recorded: RecordedFact, column: str) -> Iterator[object]:
    """What a fact says that can have become this column: of the object, or of one of its items or lines."""
    fact = recorded.fact
    if column == "connection":
        yield fact.connection
    elif column == "seen_at":
        yield fact.order
    else:
        name = NAMED.get(column, column)
        parts = (fact.body, *getattr(fact.body, "items", ()), *getattr(fact.body, "lines", ()))
        yield from (getattr(part, name) for part in parts if hasattr(part, name))
