"""Documents as they stand on the wire: JSON objects. A simulator of a wire keeps what it sends."""

from __future__ import annotations

import copy
from typing import Any, TypeAlias

Document: TypeAlias = dict[str, Any]
"""A JSON object of Paddle's: keys as Paddle spells them, amounts as strings, instants as RFC 3339."""


def snapshot(document: Document) -> Document:
    """The document as it is now, whatever becomes of it."""
    return copy.deepcopy(document)
