"""The rows of some facts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar, cast

import attrs
from msgspec.structs import replace

from purchase_core.facts.fact import Fact
from purchase_core.facts.fold import fold, rows_of
from purchase_core.facts.rows import (
    CaseRow,
    Row,
)
from purchase_core.testing.bench import mapped
from purchase_core.testing.sales import VERSIONS, Sale, again

R = TypeVar("R", bound=Row)

PRO = Sale()
BOOK = Sale(offer="book:full")
AGAIN = attrs.evolve(BOOK, attempt=2, connection="paddle")  # the same order, paid a second time


def rows(facts: Iterable[Fact], lane: str = "customer:alice") -> list[Row]:
    """The rows of these facts."""
    return rows_of(fold(lane, mapped(facts)), VERSIONS)


def of(table: type[R], facts: Iterable[Fact], lane: str = "customer:alice") -> list[R]:
    """The rows of one table."""
    return [row for row in rows(facts, lane) if isinstance(row, table)]


def the(table: type[R], facts: Iterable[Fact]) -> R:
    """The only row of one table."""
    (row,) = of(table, facts)
    return row


def cases(facts: Iterable[Fact], lane: str = "customer:alice") -> list[tuple[str, str, int]]:
    """Kind, object and money of every case."""
    return [(row.kind, row.about.rpartition(":")[2], row.amount) for row in of(CaseRow, facts, lane)]


def paid(*sales: Sale) -> list[Fact]:
    """Intent, attempt, session and paid bill of these tries."""
    return [fact for sale in sales for fact in (sale.placed(), sale.tried(), sale.session(), sale.invoice())]


def but(fact: Fact, **changes: object) -> Fact:
    """The same object at the same instant, with some fields changed."""
    return again(fact, replace(cast("Any", fact.body), **changes))
