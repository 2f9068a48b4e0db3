"""Lists: filters, order and pages. Source: api-reference/about/pagination, /sort, /filtering.

`meta.pagination.next` is the address of the next page, and there is one even on the last page: `has_more`
says whether anything is there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import attrs

from purchase_simulators.paddle.refusal import Refusal, field
from purchase_simulators.paddle.shapes import Document
from purchase_simulators.paddle.stamps import read as read_instant

from .answering import Call, Found

_DATED = re.compile(r"(created_at|updated_at|billed_at)(?:\[(LTE?|GTE?)\])?")
_SPAN = {"from": "GTE", "to": "LT"}
_PLAIN = frozenset({"after", "per_page", "order_by", "include", "search"})


@attrs.frozen
class Listing:
    """How one kind of entity is listed: page sizes, and which query parameters filter by which field."""

    filters: tuple[str, ...]
    per_page: int = 50
    per_page_max: int = 200
    key: str = "id"
    descending: bool = True
    searched: tuple[str, ...] = ()
    spans: bool = False  # from and to
    active: bool = False  # "by default, Paddle returns products that are active", and so on


def page(call: Call, rows: Sequence[Document], listing: Listing) -> Found:
    """The page that a request asks for. Raises Refusal."""
    _check(call.query, listing)
    query = {"status": "active", **call.query} if listing.active else call.query
    kept = [row for row in rows if _wanted(row, query, listing)]
    kept.sort(key=lambda row: str(row[listing.key]), reverse=_descending(call.query, listing))
    after = call.query.get("after")
    if after:
        places = [number for number, row in enumerate(kept) if row[listing.key] == after]
        if not places and not any(row[listing.key] == after for row in rows):
            raise field("after", "no such entity")
        kept = kept[places[0] + 1 :] if places else []
    size = _size(call.query, listing)
    shown = kept[:size]
    last = str(shown[-1][listing.key]) if shown else (after or "")
    pagination = {
        "per_page": size,
        "next": _next(call.url, last, size),
        "has_more": len(kept) > size,
        "estimated_total": len(kept),
    }
    return Found(shown, pagination=pagination)


def _size(query: dict[str, str], listing: Listing) -> int:
    text = query.get("per_page", str(listing.per_page))
    if not text.isdecimal() or not text.isascii() or not int(text):
        raise field("per_page", "must be a positive integer")
    return min(int(text), listing.per_page_max)


def _descending(query: dict[str, str], listing: Listing) -> bool:
    order = query.get("order_by")
    if order is None:
        return listing.descending
    matched = re.fullmatch(r"(?:id|event_id)\[(ASC|DESC)\]", order)
    if not matched:
        raise Refusal(400, "bad_request", "order_by is one of id[ASC] and id[DESC]")
    return matched[1] == "DESC"


def _check(query: dict[str, str], listing: Listing) -> None:
    for name in query:
        spanning = name in _SPAN and listing.spans
        if not (name in _PLAIN or name in listing.filters or _DATED.fullmatch(name) or spanning):
            raise field(name, "is not a valid query parameter")


def _wanted(row: Document, query: dict[str, str], listing: Listing) -> bool:
    for name, text in query.items():
        if name in _PLAIN:
            continue
        dated = _DATED.fullmatch(name)
        if dated:
            if not _in_time(row, dated[1], dated[2] or "", text):
                return False
        elif name in _SPAN:
            if not _in_time(row, "occurred_at", _SPAN[name], text):
                return False
        elif not _among(_value(row, name), text.split(",")):
            return False
    search = query.get("search", "").lower()
    return not search or any(search in str(row.get(name) or "").lower() for name in listing.searched)


def _value(row: Document, name: str) -> object:
    if name == "price_id":
        return [item["price"]["id"] for item in row["items"]]
    if name == "scheduled_change_action":
        return (row["scheduled_change"] or {}).get("action")
    if name == "filter":
        return row["payload"]["data"]["id"]
    if name == "recurring":
        return str(row["billing_cycle"] is not None).lower()
    found = row.get(name)
    return str(found).lower() if isinstance(found, bool) else found


def _among(value: object, wanted: Sequence[str]) -> bool:
    if isinstance(value, list):
        return any(one in wanted for one in value)
    return ("null" if value is None else str(value)) in wanted


def _in_time(row: Document, name: str, operator: str, text: str) -> bool:
    if row.get(name) is None:
        return False
    at, limit = read_instant(name, row[name]), read_instant(name, text)
    return {"": at == limit, "LT": at < limit, "LTE": at <= limit, "GT": at > limit, "GTE": at >= limit}[
        operator
    ]


def _next(url: str, after: str, size: int) -> str:
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query) if name not in ("after", "per_page")]
    query += [("after", after), ("per_page", str(size))]
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(query), ""))
