"""Texts in what comes back: compared, and only taken where they can be stored."""

from __future__ import annotations

import hmac

from purchase_core.errors import InvalidArgument, MalformedBody
from purchase_core.text import identifier


def equal(one: str, other: str) -> bool:
    """Whether two texts are one, in a time that tells nothing of where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode())


def text(value: object) -> str:
    """An identifier that can be stored. Raises MalformedBody."""
    try:
        return identifier("identifier", value, characters_max=255)  # type: ignore[arg-type]
    except InvalidArgument:
        raise MalformedBody("an identifier cannot be one") from None


def optional(value: str) -> str:
    """The same, or nothing."""
    return text(value) if value else ""


def texts(value: object) -> list[str]:
    """Every text in a value, wherever it stands."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [found for one in value.values() for found in texts(one)]
    return [found for one in value for found in texts(one)] if isinstance(value, list | tuple) else []
