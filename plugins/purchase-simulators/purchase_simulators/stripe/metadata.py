"""Metadata: https://docs.stripe.com/api/metadata. An empty value unsets a key, an empty whole unsets all."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import UnsetType

from .objects.thing import Metadata
from .refusal import invalid

KEYS_MAX = 50
KEY_CHARACTERS_MAX = 40
VALUE_CHARACTERS_MAX = 500

Asked: TypeAlias = dict[str, str | None] | UnsetType | None


def merged(known: Metadata, asked: Asked, param: str = "metadata") -> Metadata:
    """The metadata after a call. Raises Refusal on too much of it."""
    if isinstance(asked, UnsetType):
        return known
    if asked is None:
        return {}
    found = dict(known)
    for key, value in asked.items():
        if len(key) > KEY_CHARACTERS_MAX:
            raise invalid(f"Metadata keys can have up to {KEY_CHARACTERS_MAX} characters.", param)
        if value is None:
            found.pop(key, None)
        elif len(value) > VALUE_CHARACTERS_MAX:
            raise invalid(
                f"Metadata values can have up to {VALUE_CHARACTERS_MAX} characters.", f"{param}[{key}]"
            )
        else:
            found[key] = value
    if len(found) > KEYS_MAX:
        raise invalid(f"Metadata can have up to {KEYS_MAX} keys.", param)
    return found
