"""Strict JSON: read as the standard library reads it where it is accepted, and one error where it is not."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purchase_core import money, strict_json
from purchase_core.catalog import rules
from purchase_core.errors import DeliveryRefused, MalformedBody
from purchase_core.strict_json import DEPTH_MAX, INTEGER_MAX, INTEGER_MIN, decode

# --- documents whose spelling is known: keys may repeat, characters may be escaped ---------------------


@attrs.frozen
class Document:
    """JSON text, and whether every rule allows it."""

    text: str
    allowed: bool = True


characters = st.one_of(st.sampled_from(':{}[]",\\/a1é😀\u2028'), st.characters(exclude_categories=["Cs"]))


@st.composite
def spelled(draw: st.DrawFn, text: st.SearchStrategy[str]) -> tuple[str, str]:
    """A string, and one of the ways to write it in JSON."""
    value = draw(text)
    parts = [
        json.dumps(one)[1:-1]
        if draw(st.booleans())
        else "".join(f"\\u{unit:04x}" for unit in _utf16(one))
        if draw(st.booleans())
        else json.dumps(one, ensure_ascii=False)[1:-1]
        for one in value
    ]
    return value, f'"{"".join(parts)}"'


def _utf16(character: str) -> list[int]:
    encoded = character.encode("utf-16-be")
    return [int.from_bytes(encoded[at : at + 2]) for at in range(0, len(encoded), 2)]


def _object(pairs: list[tuple[tuple[str, str], Document]]) -> Document:
    keys = [key for (key, _), _ in pairs]
    return Document(
        "{" + ", ".join(f"{spelling} :{one.text}" for (_, spelling), one in pairs) + "}",
        len(set(keys)) == len(keys) and all(one.allowed for _, one in pairs),
    )


def _array(items: list[Document]) -> Document:
    return Document(f"[{' ,'.join(one.text for one in items)}]", all(one.allowed for one in items))


leaves = st.one_of(
    spelled(st.text(characters, max_size=6)).map(lambda found: Document(found[1])),
    st.integers(-(2**65), 2**65).map(lambda one: Document(str(one), INTEGER_MIN <= one <= INTEGER_MAX)),
    st.floats(-(2.0**62), 2.0**62).map(lambda one: Document(repr(one))),
    st.sampled_from(["true", "false", "null", "0", "-0", "1E5", "1e-7"]).map(Document),
)
keys = spelled(st.sampled_from(["a", "b", ":", "é", "", "a:b"]))
documents = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(_array), st.lists(st.tuples(keys, inner), max_size=4).map(_object)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(documents)
def test_f27_what_is_allowed_reads_as_the_standard_library_reads_it_and_the_rest_is_refused(
    document: Document,
) -> None:
    body = document.text.encode()
    if document.allowed:
        assert repr(decode(body)) == repr(json.loads(body))
    else:
        with pytest.raises(MalformedBody):
            decode(body)


@settings(max_examples=300, deadline=None)
@given(documents, st.data())
def test_f27_damaged_bytes_are_refused_with_one_error_or_read_alike(
    document: Document, data: st.DataObject
) -> None:
    body = bytearray(document.text.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body)))
        body[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    try:
        value = decode(bytes(body))
    except MalformedBody:
        return
    assert repr(value) == repr(json.loads(body.decode()))


# --- refusals by name -----------------------------------------------------------------------------


def nested(depth: int, open_: bytes = b"[", close: bytes = b"]", core: bytes = b"") -> bytes:
    """A document of this depth."""
    return open_ * depth + core + close * depth


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b" ", id="blank"),
        pytest.param(b"{", id="cut short"),
        pytest.param(b'{"a":1}x', id="something after"),
        pytest.param(b"{} {}", id="two documents"),
        pytest.param(b"{'a':1}", id="single quotes"),
        pytest.param(b"[1,]", id="comma at the end"),
        pytest.param(b"01", id="leading zero"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte order mark"),
        pytest.param('{"a":1}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b'"\xff"', id="not UTF-8"),
        pytest.param(b'"\xc0\x80"', id="overlong NUL"),
        pytest.param(b'{"\xc3\x28":1}', id="key not UTF-8"),
        pytest.param(b'"\xed\xa0\x80"', id="surrogate in UTF-8"),
        pytest.param(rb'"\ud800"', id="lone high surrogate"),
        pytest.param(rb'"\udc00"', id="lone low surrogate"),
        pytest.param(rb'{"\ud800a":1}', id="lone surrogate in a key"),
        pytest.param(rb'"\ude00\ud83d"', id="surrogates the wrong way round"),
        pytest.param(b'"\x00"', id="raw NUL"),
        pytest.param(b'"\n"', id="raw line end in a string"),
        pytest.param(rb'"\x41"', id="unknown escape"),
        pytest.param(b"NaN", id="NaN"),
        pytest.param(b"[NaN]", id="NaN inside"),
        pytest.param(b"Infinity", id="Infinity"),
        pytest.param(b"-Infinity", id="-Infinity"),
        pytest.param(b"1e400", id="float out of range"),
        pytest.param(b"-1e400", id="negative float out of range"),
        pytest.param(b"9223372036854775808", id="2**63"),
        pytest.param(b"-9223372036854775809", id="-2**63 - 1"),
        pytest.param(b"18446744073709551615", id="2**64 - 1"),
        pytest.param(b'{"a":[{"b":9223372036854775808}]}', id="2**63 inside"),
        pytest.param(b"1" * 5_000, id="5,000 digits"),
        pytest.param(b"1" * 1_000_000, id="a million digits"),
        pytest.param(nested(DEPTH_MAX + 1), id="too deep by one"),
        pytest.param(nested(DEPTH_MAX + 1, b'{"a":', b"}", b"1"), id="objects too deep by one"),
        pytest.param(b'["]",' * 65 + b"1" + b"]" * 65, id="too deep behind strings"),
        pytest.param(b'["\\"]",' * 65 + b"1" + b"]" * 65, id="too deep behind quotes"),
        pytest.param(nested(100_000), id="100,000 deep"),
        pytest.param(b"[" * 100_000, id="100,000 open"),
        pytest.param(b'{"a":' * 100_000, id="100,000 objects open"),
        pytest.param(b'{"a":1,"a":1}', id="the same key twice"),
        pytest.param(b'{"a":1,"a":2}', id="the same key with another value"),
        pytest.param(b'{"a":{},"a":{"b":":"}}', id="the same key over an object"),
        pytest.param(b'[{"x":{"a":1,"b":2,"a":3}}]', id="the same key inside"),
        pytest.param(rb'{"a":1,"\u0061":2}', id="the same key, escaped"),
        pytest.param(rb'{"a":"\u003a","a":1}', id="an escaped colon makes up for the lost one"),
        pytest.param(rb'{"a":"\u003A","a":1}', id="an escaped colon in capitals"),
        pytest.param(rb'{"\u003a":1,":":2}', id="the key is a colon"),
        pytest.param(b'{"":1,"":2}', id="the empty key twice"),
    ],
)  # fmt: skip
def test_f27_each_of_these_is_one_typed_refusal(body: bytes) -> None:
    with pytest.raises(MalformedBody) as told:
        decode(body)
    assert isinstance(told.value, DeliveryRefused)
    assert told.value.http_status == 400


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"9223372036854775807", INTEGER_MAX),
        (b"-9223372036854775808", INTEGER_MIN),
        (b' {"a" : [ 1 , "2" , null ] } ', {"a": [1, "2", None]}),
        (rb'"\ud83d\ude00"', "😀"),
        (rb'"\\u003a"', "\\u003a"),
        (rb'{"a":"\u003a\u003A"}', {"a": "::"}),
        (b'{"a":{"a":{"a":1}},"b":{"a":1}}', {"a": {"a": {"a": 1}}, "b": {"a": 1}}),
        (b'"' + b"9" * 50 + b'"', "9" * 50),
        (b"0.12345678901234567890", 0.12345678901234568),
        (b'"' + b"[" * 1_000 + b'"', "[" * 1_000),
        (b'["\\\\",' + b"[]," * 100 + b"1]", ["\\", *[[]] * 100, 1]),
    ],
)
def test_what_only_looks_suspicious_is_read(body: bytes, value: object) -> None:
    assert decode(body) == value


def depth_of(value: object) -> int:
    """How deeply lists and objects of one item each are nested."""
    depth = 0
    while isinstance(value, list | dict):
        depth += 1
        value = next(iter(value.values() if isinstance(value, dict) else value), None)
    return depth


@pytest.mark.parametrize(
    "body",
    [
        nested(DEPTH_MAX),
        nested(DEPTH_MAX, b'{"a":', b"}", b"1"),
        b"[" + nested(DEPTH_MAX - 1) + b",[]" * 9 + b"]",
    ],
)
def test_the_deepest_document_allowed_is_read_whole(body: bytes) -> None:
    assert depth_of(decode(body)) == DEPTH_MAX == 64


@pytest.mark.parametrize(
    "body",
    [
        b'{"card":"private"',
        b'{"private":1,"private":2}',
        rb'{"private":"\ud800"}',
        b'["private",9223372036854775808]',
    ],
)
def test_a_refusal_quotes_nothing_of_the_body(body: bytes) -> None:
    with pytest.raises(MalformedBody) as told:
        decode(body)
    error: BaseException | None = told.value
    assert "private" not in str(error)
    assert told.value.__cause__ is None
    assert told.value.__suppress_context__ or told.value.__context__ is None


def test_a_usual_event_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def second_pass(*_: object, **__: object) -> None:
        pytest.fail("the slow path was taken")

    monkeypatch.setattr("purchase_core.strict_json.json.loads", second_pass)
    body = rb'{"id":"evt_1","url":"https:\/\u002fshop","at":"12:30:00","lines":[{"id":"il_1","n":1.5}]}'
    assert decode(body) == {
        "id": "evt_1",
        "url": "https://shop",
        "at": "12:30:00",
        "lines": [{"id": "il_1", "n": 1.5}],
    }


# --- T16: no input makes it slow, counted and not timed --------------------------------------------


def lines_run(work: Callable[[], object]) -> int:
    """How many lines of Python this work runs."""
    count = 0

    def trace(_frame: FrameType, event: str, _argument: object) -> Any:  # as sys.settrace is typed
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def attempt(body: bytes) -> None:
    """Decode, whatever comes of it."""
    with suppress(MalformedBody):
        decode(body)


HOSTILE: list[Callable[[int], bytes]] = [
    lambda n: b"[" + b"[]," * n + b"1]",
    lambda n: b"[" * n,
    lambda n: b'["' + b"[" * n + b'",' + b"[]," * 70 + b"1]",
    lambda n: b'["' + b'\\"' * n + b'",' + b"[]," * 70 + b"1]",
    lambda n: b'["' + b"\\u003" * n,
    lambda n: b'["' + rb"\u003a" * n + b'"]',
    lambda n: b"{" + b",".join(rb'"\u003a%d":1' % at for at in range(n)) + b"}",
    lambda n: b"{" + b",".join(b'"a":1' for _ in range(n)) + b"}",
    lambda n: b"[" + b",".join([b"1234567890123456789"] * n) + b"]",
    lambda n: b"1" * n,
    lambda n: b'"' + b"123456789012345678 " * n + b'"',
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_t16_work_grows_no_faster_than_the_body(hostile: Callable[[int], bytes]) -> None:
    once, four_times = (lines_run(lambda n=n: attempt(hostile(n))) for n in (1_000, 4_000))  # type: ignore[misc]
    assert once > 0
    assert four_times <= 4 * once + 100


@pytest.mark.parametrize("module", [strict_json, money, rules])
def test_t16_patterns_that_read_input_repeat_only_within_bounds(module: object) -> None:
    patterns = [found for found in vars(module).values() if isinstance(found, re.Pattern)]
    assert patterns
    for pattern in patterns:
        text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode()
        outside_classes = re.sub(r"\[[^]]*\]", "C", text.replace("\\", ""))
        assert not re.search(r"[*+]|,\}", outside_classes), text
