"""The map: a file in which the operator says who is who, or what a price stands for. CSV or JSON Lines."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence

import attrs
import msgspec

from purchase_core.errors import InvalidArgument
from purchase_core.identifiers import ID_CHARACTERS_MAX, customer_id
from purchase_core.text import identifier

MAP_BYTES_MAX = 256 * 1024 * 1024
MAP_ROWS_MAX = 2_000_000
THEIRS, OURS, EMAIL = "their_customer", "our_customer", "email"
PRICE, OFFER = "price", "offer"


@attrs.frozen
class CustomerMap:
    """Who is who: `by_id` from the provider's customers to ours, `by_email` from addresses to ours."""

    by_id: Mapping[str, frozenset[str]] = attrs.Factory(dict)
    by_email: Mapping[str, frozenset[str]] = attrs.field(factory=dict, repr=False)


def read_customers(data: bytes) -> CustomerMap:
    """A map of customers: rows of `their_customer,our_customer`, or of `email,our_customer`, or of all three.

    Raises InvalidArgument, which names the line and quotes nothing of it.
    """
    by_id: dict[str, frozenset[str]] = {}
    by_email: dict[str, frozenset[str]] = {}
    for line, row in _rows(data, (OURS,), (THEIRS, EMAIL)):
        ours = frozenset((_checked(line, OURS, row.get(OURS, "")),))
        theirs, email = row.get(THEIRS, ""), folded(row.get(EMAIL, ""))
        if not (theirs or email):
            raise InvalidArgument(f"line {line} has neither {THEIRS} nor {EMAIL}")
        if theirs:
            theirs = _checked(line, THEIRS, theirs)
            by_id[theirs] = by_id.get(theirs, frozenset()) | ours
        if email:
            by_email[email] = by_email.get(email, frozenset()) | ours
    return CustomerMap(by_id, by_email)


def read_prices(data: bytes) -> dict[str, str]:
    """A map of prices: rows of `price,offer`. Raises InvalidArgument, also where a price is of two."""
    found: dict[str, str] = {}
    for line, row in _rows(data, (PRICE, OFFER), ()):
        price, offer = (_checked(line, name, row.get(name, "")) for name in (PRICE, OFFER))
        if found.setdefault(price, offer) != offer:
            raise InvalidArgument(f"line {line}: the price stands for another offer above")
    return found


def folded(email: str) -> str:
    """An address as it is compared."""
    return email.strip().casefold()


def _checked(line: int, name: str, text: str) -> str:
    try:
        return customer_id(text) if name == OURS else identifier(name, text, characters_max=ID_CHARACTERS_MAX)
    except InvalidArgument as error:
        raise InvalidArgument(f"line {line}: {error.message}") from None


def _rows(
    data: bytes, needed: Sequence[str], others: Sequence[str]
) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Rows by their line. A file that begins with a brace is JSON Lines."""
    if len(data) > MAP_BYTES_MAX:
        raise InvalidArgument(f"a map has at most {MAP_BYTES_MAX} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidArgument("the map is not UTF-8") from None
    rows = _json_lines(text) if text.lstrip().startswith("{") else _csv(text, (*needed, *others), needed)
    for count, (line, row) in enumerate(rows):
        if count >= MAP_ROWS_MAX:
            raise InvalidArgument(f"a map has at most {MAP_ROWS_MAX} rows")
        yield line, row


def _json_lines(text: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    for line, row in enumerate(text.splitlines(), 1):
        if row.strip():
            try:
                yield line, msgspec.json.decode(row, type=dict[str, str])
            except msgspec.MsgspecError:
                raise InvalidArgument(f"line {line} is no JSON object of texts") from None


def _csv(text: str, known: Sequence[str], needed: Sequence[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        head = [name.strip() for name in reader.fieldnames or ()]
        if not set(needed) <= set(head):
            raise InvalidArgument(f"the first line must name the columns: {', '.join(known)}")
        reader.fieldnames = head
        for row in reader:
            texts = {name: value.strip() for name, value in row.items() if name and isinstance(value, str)}
            yield reader.line_num, texts
    except csv.Error:
        raise InvalidArgument(f"line {reader.line_num} is no line of CSV") from None
