"""JSON from outside, strictly: no duplicate keys, no NaN, bounded depth and integers, storable text.

The fast path decodes with msgspec and then proves cheaply that nothing was lost. A duplicate key drops a
pair, and with it at least one colon; every other colon survives decoding and encoding again, unless the
body spells it as an escape. So equal counts of colons, and no such escape, mean that no key was dropped.
Anything suspicious takes the slow path, which decides.
"""

from __future__ import annotations

import json
import re
from typing import NoReturn

import msgspec

from purchase_core.errors import MalformedBody

DEPTH_MAX = 64
INTEGER_MAX = 2**63 - 1
INTEGER_MIN = -(2**63)
QUOTE, BACKSLASH = b'"\\'

_decoder = msgspec.json.Decoder()
_encode = msgspec.json.Encoder().encode
_ESCAPED_COLON = re.compile(rb"\\u003a", re.IGNORECASE)
_DIGITS = bytes(ord("0") if byte in b"0123456789" else ord(" ") for byte in range(256))
_LONG_NUMBER = b"0" * 19  # among digits that are all alike


def decode(body: bytes) -> object:
    """The value of a JSON document. Raises MalformedBody, and nothing else, on whatever bytes come."""
    try:
        value = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedBody("the body is not valid JSON") from None
    if body.count(b"{") + body.count(b"[") > DEPTH_MAX and _depth(body) > DEPTH_MAX:
        raise MalformedBody(f"the body is nested deeper than {DEPTH_MAX}")
    try:
        again = _encode(value)
    except (UnicodeEncodeError, msgspec.EncodeError, OverflowError):
        raise MalformedBody("the body holds a value that cannot be stored") from None
    if again.count(b":") != body.count(b":") or (b"\\u003" in body and _ESCAPED_COLON.search(body)):
        _refuse_duplicates(body)
    if _LONG_NUMBER in body.translate(_DIGITS):
        _refuse_long_integers(value)
    return value


def _depth(body: bytes) -> int:
    """The deepest nesting, counted outside strings, in one pass."""
    deepest = depth = 0
    in_string = escaped = False
    for byte in body:
        if in_string:
            if escaped:
                escaped = False
            elif byte == BACKSLASH:
                escaped = True
            elif byte == QUOTE:
                in_string = False
        elif byte == QUOTE:
            in_string = True
        elif byte in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"}]":
            depth -= 1
    return deepest


def _refuse_duplicates(body: bytes) -> None:
    def pairs(found: list[tuple[str, object]]) -> None:
        if len({key for key, _ in found}) != len(found):
            raise MalformedBody("the body has the same key twice in one object")

    try:
        json.loads(body, object_pairs_hook=pairs, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise MalformedBody("the body is not valid JSON") from None


def _refuse_constant(constant: str) -> NoReturn:
    raise MalformedBody(f"the body holds {constant}")


def _refuse_long_integers(value: object) -> None:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, int) and not INTEGER_MIN <= one <= INTEGER_MAX:
            raise MalformedBody("the body holds an integer beyond 64 bits")
        elif isinstance(one, float) and abs(one) >= INTEGER_MAX and one.is_integer():
            raise MalformedBody("the body holds a number beyond 64 bits")
