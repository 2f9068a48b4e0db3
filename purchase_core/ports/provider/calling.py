"""Calls to a provider: how long one may take, under which key it goes, and what an unclear end means."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from hashlib import sha256
from typing import TypeVar

from purchase_core.errors import OutcomeUnknown, ProviderUnavailable

KEY_CHARACTERS_MAX = 255

A = TypeVar("A")


def unclear(operation: str, what: str, *, write: bool) -> OutcomeUnknown | ProviderUnavailable:
    """The error where something came back, or nothing did, that does not say what happened.

    A read changes nothing, so it can be tried again; a write may have happened. `what` must quote no body.
    """
    return OutcomeUnknown(f"{operation}: {what}") if write else ProviderUnavailable(f"{operation}: {what}")


async def within(call: Awaitable[A], *, seconds: float, operation: str, write: bool) -> A:
    """What a call answers in time; else it is `unclear`.

    The time-outs of HTTP clients are of each byte: a provider that drips its answer would never meet them.
    """
    try:
        async with asyncio.timeout(seconds):
            return await call
    except TimeoutError:
        raise unclear(operation, f"no answer within {seconds} seconds", write=write) from None


def header_key(key: str) -> str:
    """An idempotency key as it can stand in a header: as it is, or hashed if it is too long or not plain."""
    plain = key.isascii() and key.isprintable() and key == key.strip() and len(key) <= KEY_CHARACTERS_MAX
    return key if plain else f"sha256-{sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()}"


def retry_after(text: str, *, seconds_max: int) -> float | None:
    """The seconds that a `Retry-After` header names, at most `seconds_max`; None for anything else in it."""
    digits = text.isascii() and text.isdecimal() and len(text) <= len(str(seconds_max))
    return float(min(int(text), seconds_max)) if digits else None
