"""Damage: headers, bodies and documents that are almost right."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import Headers

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

Path: TypeAlias = tuple[str | int, ...]

WRONGS: tuple[Json, ...] = (None, True, -1, 1.5, 2**62, "", "\u0000", "x" * 300, [], {}, [[]], {"": None})

_DIGEST = re.compile(r"[0-9A-Fa-f]{32,}|[0-9A-Za-z+/]{40,}=*")
_LABEL = re.compile(r"\b[a-z]+[0-9]*(?==)")


def forged_values(value: str, at: Instant) -> Iterator[tuple[str, str]]:
    """A signature header's value, forged in many ways; `at` is the instant that it was signed for."""
    digest = _DIGEST.search(value)
    signature = digest.group() if digest else value
    other = "0" if signature[-1] != "0" else "1"
    seconds = at // SECOND

    def signed(text: str) -> str:
        return value.replace(signature, text)

    yield "empty", ""
    yield "blank", "   "
    yield "signature missing", signed("")
    yield "signature cut by one", signed(signature[:-1])
    yield "signature cut in half", signed(signature[: len(signature) // 2])
    yield "signature longer by one", signed(signature + other)
    yield "signature twice in a row", signed(signature * 2)
    yield "last character changed", signed(signature[:-1] + other)
    yield "first character changed", signed(("0" if signature[0] != "0" else "1") + signature[1:])
    yield "reversed", signed(signature[::-1])
    yield "zeros", signed("0" * len(signature))
    yield "upper case", signed(signature.upper())
    yield "other alphabet", signed("z" * len(signature))
    yield "full-width digits", signed("\uff10" * len(signature))
    yield "NUL", signed("\x00" * len(signature))
    yield "null", signed("null")
    yield "wildcard", signed("%")
    yield "unknown scheme", _LABEL.sub("x9", value)
    yield "signature under another scheme", re.sub(rf"\w+={re.escape(signature)}", f"v0={signature}", value)
    yield "labels doubled", _LABEL.sub(lambda label: label.group() * 2, value)
    yield "labels missing", _LABEL.sub("", value)
    yield "equals signs missing", value.replace("=", "")
    yield "separators missing", value.replace(",", "").replace(";", "")
    yield "separators only", ",;" * 50
    yield "time missing", value.replace(str(seconds), "")
    yield "time moved on", value.replace(str(seconds), str(seconds + 1))
    yield "time moved back", value.replace(str(seconds), str(seconds - 1))
    yield "time zero", value.replace(str(seconds), "0")
    yield "time negative", value.replace(str(seconds), f"-{seconds}")
    yield "time as a float", value.replace(str(seconds), f"{seconds}.0")
    yield "time in words", value.replace(str(seconds), "now")
    yield "time of a thousand digits", value.replace(str(seconds), "9" * 1_000)
    yield "time in other digits", value.replace(str(seconds), "\u0661" * 10)
    yield "time infinite", value.replace(str(seconds), "inf")
    label = _LABEL.search(value)
    yield "a hundred thousand items", f"{label.group() if label else 'v1'}=0," * 100_000
    yield "non-ASCII", "é" * 64
    yield "lone surrogate", "\udcff" * 64
    yield "quoted", json.dumps(value)
    yield "somebody's password", "Basic YWRtaW46YWRtaW4="


def forged_headers(headers: Headers, names: tuple[str, ...], at: Instant) -> Iterator[tuple[str, Headers]]:
    """Headers that a forger could send; none is what the provider sent."""
    yield "no headers", ()
    for name in names:
        kept = [pair for pair in headers if pair[0] != name]
        values = [value for header, value in headers if header == name]
        yield f"{name}: missing", kept
        yield f"{name}: under another name", [*kept, *((f"x-{name}", value) for value in values)]
        for value in values:
            for what, forged in forged_values(value, at):
                if forged != value:
                    yield f"{name}: {what}", [*kept, (name, forged)]
                    yield f"{name}: {what}, twice", [*kept, (name, forged), (name, forged)]


def changed_bodies(body: bytes) -> Iterator[tuple[str, bytes]]:
    """A body that is not the signed one any more."""
    yield "empty", b""
    yield "newline", body + b"\n"
    yield "space", b" " + body
    yield "byte order mark", b"\xef\xbb\xbf" + body
    yield "written anew", json.dumps(json.loads(body), indent=1).encode()
    yield "in another order", json.dumps(json.loads(body), sort_keys=True, separators=(" ,", ":")).encode()
    yield "twice", body * 2
    for place in (0, len(body) // 3, len(body) // 2, len(body) - 1):
        yield f"byte {place}", body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        yield f"without byte {place}", body[:place] + body[place + 1 :]


def damaged_documents(body: bytes) -> Iterator[tuple[str, bytes]]:
    """A document with one value taken out, or replaced with one of another kind."""
    document: Json = json.loads(body)
    for path in _paths(document):
        where = "/".join(map(str, path))
        yield f"{where} missing", _dump(_without(body, path))
        for wrong in WRONGS:
            yield f"{where} = {wrong!r:.20}", _dump(_with(body, path, wrong))


def bad_json(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Bytes that are no JSON document that anybody should believe."""
    rest = body.lstrip()[1:]
    yield "nothing", b""
    yield "half of it", body[: len(body) // 2]
    yield "two of it", body + body
    yield "not UTF-8", body[:-1] + b"\xff" + body[-1:]
    yield "UTF-16", body.decode().encode("utf-16")
    yield "HTML", b"<html><body>502</body></html>"
    yield "a form", b"id=evt_1&type=paid"
    for scalar in (b"null", b"true", b"0", b'"text"', b"[]", b"{}", b"[{}]"):
        yield f"only {scalar.decode()}", scalar
    yield "NaN", b'{"x":NaN,' + rest
    yield "Infinity", b'{"x":-Infinity,' + rest
    yield "a key twice", b'{"x":1,"x":2,' + rest
    yield "a key twice, escaped", b'{"x":1,"\\u0078":2,' + rest
    yield "depth", b'{"x":' + b"[" * 10_000 + b"]" * 10_000 + b"," + rest
    yield "a number of ten thousand digits", b'{"x":' + b"9" * 10_000 + b"," + rest


def renamed(body: bytes, old: str, new: str) -> bytes:
    """The document with one text replaced wherever it stands as a value."""

    def walk(value: Json) -> Json:
        if isinstance(value, dict):
            return {key: walk(one) for key, one in value.items()}
        if isinstance(value, list):
            return [walk(one) for one in value]
        return new if value == old else value

    return _dump(walk(json.loads(body)))


def texts_in(body: bytes) -> list[str]:
    """Every text that stands as a value in a document."""

    def walk(value: Json) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict | list):
            for one in value.values() if isinstance(value, dict) else value:
                yield from walk(one)

    return list(walk(json.loads(body)))


def _dump(document: Json) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _paths(value: Json) -> Iterator[Path]:
    pairs: list[tuple[str | int, Json]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    for key, one in pairs:
        yield (key,)
        for rest in _paths(one):
            yield (key, *rest)


def _with(body: bytes, path: Path, value: Json) -> Json:
    changed: Json = json.loads(body)
    _parent(changed, path)[path[-1]] = value
    return changed


def _without(body: bytes, path: Path) -> Json:
    changed: Json = json.loads(body)
    del _parent(changed, path)[path[-1]]
    return changed


def _parent(document: Any, path: Path) -> Any:
    for key in path[:-1]:
        document = document[key]
    return document
