"""Ids of Paddle's entities."""

from __future__ import annotations

import re

from purchase_core.errors import ProviderRefused

_ID = re.compile(r"[A-Za-z0-9_]{1,255}")


def safe(identifier: str) -> str:
    """An id that can stand in a path. Anything else is no id of Paddle's, and is not sent."""
    if not _ID.fullmatch(identifier):
        raise ProviderRefused("that is no id of a Paddle entity", provider_code="not_found")
    return identifier
