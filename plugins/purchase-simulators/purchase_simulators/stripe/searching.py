"""Search: https://docs.stripe.com/search. Eventually consistent, so never for reading what was just written.

Only equality is understood: `metadata['key']:'value'` and `email:'value'`, joined by AND.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from .forms import Params
from .objects.customers import Customer
from .refusal import invalid

_CLAUSE = re.compile(
    r"""\s{0,20}(?:metadata\[(['"])(?P<key>.{1,500}?)\1\]|(?P<field>email|name))\s{0,20}:\s{0,20}(['"])(?P<value>.{0,500}?)\4\s{0,20}"""
)


class SearchParams(Params, frozen=True, kw_only=True):
    """GET /v1/…/search."""

    query: str
    limit: int = 10
    page: str | None = None


def search(rows: Sequence[Customer], asked: SearchParams, url: str) -> dict[str, object]:
    """The first page of what matches. Raises Refusal on a query that is not understood."""
    wanted = [_clause(part) for part in asked.query.split(" AND ")]
    found = [one for one in rows if all(_value(one, *name) == value for name, value in wanted)]
    data = [msgspec.to_builtins(one) for one in found[: asked.limit]]
    return {
        "object": "search_result",
        "data": data,
        "has_more": len(found) > asked.limit,
        "next_page": None,
        "url": url,
    }


def _clause(text: str) -> tuple[tuple[str, str], str]:
    matched = _CLAUSE.fullmatch(text)
    if not matched:
        raise invalid("We were unable to parse your search query.", "query")
    return (matched["field"] or "", matched["key"] or ""), matched["value"]


def _value(customer: Customer, field: str, key: str) -> str | None:
    if key:
        return customer.metadata.get(key)
    return customer.email if field == "email" else customer.name
