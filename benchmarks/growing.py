"""A small database made large: its rows again and again, as if others had bought as well."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from purchase_core.facts.fact import decode_body, digest_of

SHARED = ("schema_version", "price_references", "offer_versions")  # what all sales have in common
SEED_CUSTOMER = "user_m0_"

_IDENTIFIER = re.compile(r"(?<!price)_([0-9a-f]{26})[0-9a-f]{6}(?![0-9a-f])")
_DIGEST = re.compile(r"\b[0-9a-f]{32}\b")


def digests(facts: Iterable[tuple[str, str, str]], number: int) -> dict[str, str]:
    """What the digests of facts (kind, digest, body) become in a copy: those of its own bodies."""
    return {
        digest: digest_of(decode_body(kind, str(_renamed(body, number, {})))) for kind, digest, body in facts
    }


def copies(
    rows: Iterable[tuple[object, ...]], number: int, fresh: Mapping[str, str]
) -> Iterator[tuple[object, ...]]:
    """The same rows under other identifiers, with the digests that those have.

    The last digits of each identifier, and the names of customers, say which copy it is.
    """
    return (tuple(_renamed(value, number, fresh) for value in row) for row in rows)


def _renamed(value: object, number: int, fresh: Mapping[str, str]) -> object:
    if isinstance(value, bytes):
        return str(_renamed(value.decode(), number, fresh)).encode()
    if not isinstance(value, str):
        return value
    text = _IDENTIFIER.sub(rf"_\g<1>{number:06x}", value).replace(SEED_CUSTOMER, f"user_m{number}_")
    return _DIGEST.sub(lambda found: fresh.get(found[0], found[0]), text) if fresh else text
