"""URLs that a customer is sent back to: what two readers could read differently is not sent at all."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purchase_core.catalog import rules
from purchase_core.config import load
from purchase_core.errors import InvalidArgument
from purchase_core.money import Money
from purchase_core.plugins import installed
from purchase_core.workflows import urls
from purchase_core.workflows.urls import URL_CHARACTERS_MAX, return_url

GOOD = [
    "https://shop.example",
    "https://shop.example/",
    "https://shop.example/thanks?session={CHECKOUT_SESSION_ID}&a=%20b#top",
    "https://shop.example:8443/thanks",
    "https://SHOP.Example/Thanks",
    "HTTPS://shop.example/",
    "https://a.b-c.d1.shop.example/%2f%2fevil.example",  # a path may hold anything: the host is what it is
    "https://shop.example/next=//evil.example",
    "https://shop.example/?next=https://evil.example@shop.example",
    "https://shop.example/#@evil.example",
    "https://xn--mller-kva.example/",
    "https://10.0.0.5/",
    "https://203.0.113.9:444/back",
    "https://[2001:db8::1]/",
    "https://[2001:db8::1]:8443/",
    "https://localhost/",
    "https://intranet/",
    "http://localhost:8000/thanks",
    "http://127.0.0.1:8000/thanks",
    "http://[::1]:8000/thanks",
    "HTTP://LOCALHOST/",
    "https://1shop.example/",
    "https://shop.example/" + "a" * (URL_CHARACTERS_MAX - 21),
]

CORPUS = (Path(__file__).parent / "hostile_urls.txt").read_text().splitlines()
HOSTILE: list[str] = [
    *(json.loads(line) for line in CORPUS if line.startswith('"')),
    "https://shop.example/" + "a" * URL_CHARACTERS_MAX,
    "https://" + "a" * 1_000_000,
    "/" * 1_000_000,
]
NOT_TEXT = [None, 7, b"https://shop.example/", ["https://shop.example/"], urlsplit("https://shop.example/")]


@pytest.mark.parametrize("url", GOOD, ids=range(len(GOOD)))
def test_a_plain_url_is_given_to_the_provider_as_it_is(url: str) -> None:
    assert return_url("success_url", url) == url


def test_t05_the_corpus_is_large_and_has_no_doubles() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) >= 150


@pytest.mark.parametrize("url", HOSTILE, ids=range(len(HOSTILE)))
def test_t05_a_hostile_url_is_refused_by_the_argument_and_not_quoted(url: str) -> None:
    with pytest.raises(InvalidArgument, match=r"^success_url ") as told:
        return_url("success_url", url)
    assert len(str(told.value)) < 300
    assert "evil" not in str(told.value)
    assert told.value.__cause__ is None


@pytest.mark.parametrize("url", NOT_TEXT, ids=repr)
def test_t05_what_is_no_text_is_refused(url: object) -> None:
    with pytest.raises(InvalidArgument, match=r"^cancel_url must be a URL"):
        return_url("cancel_url", url)  # type: ignore[arg-type]


@given(
    st.text(max_size=60)
    | st.from_regex(r"https?:[/\\]{0,3}[a-z@:.%\[\]0-9\\-]{0,20}[/?#]?.{0,5}", fullmatch=True)
)
def test_t05_whatever_passes_has_one_reading(url: str) -> None:
    try:
        passed = return_url("success_url", url)
    except InvalidArgument:
        return
    scheme, host = re.fullmatch(
        r"(https?)://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]+)?([/?#].*)?", passed, re.I
    ).group(1, 2)  # type: ignore[union-attr]
    assert scheme.lower() == "https" or host.lower() in {"localhost", "127.0.0.1", "[::1]"}
    assert urlsplit(passed).hostname == host.strip("[]").lower()


def test_who_writes_another_alphabet_is_told_how() -> None:
    with pytest.raises(InvalidArgument, match="is not ASCII") as told:
        return_url("success_url", "https://m\u00fcller.example/")
    assert told.value.hint == "Write hosts in punycode, and paths percent-encoded."


# --- T16: no input makes a regular expression work long --------------------------------------------


@pytest.mark.parametrize(
    "pattern",
    [urls._AUTHORITY, urls._LABEL, load._NAME, installed._NAME, rules.IDENTIFIER],
    ids=lambda pattern: str(pattern.pattern)[:30],
)
def test_t16_a_pattern_bounds_every_repetition_and_nests_none(pattern: re.Pattern[str]) -> None:
    """`*` and `+` are nowhere, and no group that repeats holds a repetition, so backtracking is bounded."""
    bare = re.sub(r"\[[^\]]*\]", "x", pattern.pattern.replace(r"\[", "x").replace(r"\]", "x"))
    assert not re.search(r"[*+]|,\}", bare)
    assert not re.search(r"\([^()]*\{[^()]*\)(\{|[*+])", bare)
    for hostile in ("a" * 1_000_000, "a-" * 500_000, "a." * 500_000, "[" + ":" * 1_000_000):
        assert pattern.fullmatch(hostile) is None


@pytest.mark.parametrize("text", ["1" * 1_000_000, "-" * 1_000_000, "1." + "0" * 1_000_000])
def test_t16_a_long_amount_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument) as told:
        Money(text, "EUR")
    assert len(str(told.value)) < 1_000
