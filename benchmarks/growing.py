"""A small database made large: its rows again and again, as if others had bought as well."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

SHARED = ("schema_version", "price_references", "offer_versions")  # what all sales have in common
SEED_CUSTOMER = "user_m0_"

_IDENTIFIER = re.compile(r"(?<!price)_([0-9a-f]{26})[0-9a-f]{6}\b")


def copies(rows: Iterable[tuple[object, ...]], number: int) -> Iterator[tuple[object, ...]]:
    """The same rows under other identifiers.

    The last digits of each identifier, and the names of customers, say which copy it is.
    """
    return (tuple(_renamed(value, number) for value in row) for row in rows)


def _renamed(value: object, number: int) -> object:
    if isinstance(value, bytes):
        return str(_renamed(value.decode(), number)).encode()
    if not isinstance(value, str):
        return value
    return _IDENTIFIER.sub(rf"_\g<1>{number:06x}", value).replace(SEED_CUSTOMER, f"user_m{number}_")
