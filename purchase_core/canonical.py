"""Canonical JSON and content hashes: the same value, the same bytes, in every process and version."""

from __future__ import annotations

from hashlib import sha256

import msgspec

HASH_CHARACTERS = 32  # the first half of SHA-256: 128 bits

_encode = msgspec.json.Encoder(order="sorted").encode


def canonical(value: object) -> bytes:
    """JSON with sorted keys and no white space. Values are attrs classes, containers, text, integers."""
    return _encode(value)


def content_hash(value: object) -> str:
    """32 hexadecimal digits that identify a value by its content."""
    return sha256(_encode(value)).hexdigest()[:HASH_CHARACTERS]
