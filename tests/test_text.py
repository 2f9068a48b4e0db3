"""Text at the edge: what a database would refuse is refused first, and never quoted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purchase_core.errors import InvalidArgument, InvalidText
from purchase_core.text import identifier, storable


@given(st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=50))
def test_whatever_a_database_stores_passes_unchanged(text: str) -> None:
    assert storable("note", text, characters_max=50) == text


@pytest.mark.parametrize("text", ["", "a" * 10, "é" * 10, "😀" * 10, "a\nb\t", "\x1f"])
def test_storable_text_may_be_empty_and_as_long_as_the_limit(text: str) -> None:
    assert storable("note", text, characters_max=10) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("private\x00", "NUL"),
        ("\x00", "NUL"),
        ("private\ud800", "surrogate"),
        ("\udfffprivate", "surrogate"),
        ("\ud83d\ude00private", "surrogate"),  # a pair spelled as two characters is not a character
        ("private" + "a" * 4, "11 characters; the limit is 10"),
        (b"private", "bytes"),
        (None, "NoneType"),
        (7, "int"),
    ],
)
def test_f29_unstorable_text_is_refused_by_name_and_not_quoted(text: object, why: str) -> None:
    with pytest.raises(InvalidText, match=why) as told:
        storable("note", text, characters_max=10)  # type: ignore[arg-type]
    assert str(told.value).startswith("note ")
    assert "private" not in str(told.value)
    assert told.value.__cause__ is None
    assert told.value.__suppress_context__ or told.value.__context__ is None


@pytest.mark.parametrize("text", ["a", "user_1", "Müller & Söhne", "用户", "a b", "😀", "a" * 255])
def test_an_identifier_is_printable_text(text: str) -> None:
    assert identifier("customer", text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        " a",
        "a ",
        "a\n",
        "\ta",
        "a\nb",
        "a\x7fb",
        "a\x1b[0m",
        "a\u200bb",
        "a\u2028b",
        "\u00a0a",
        "a\u202eb",
    ],
)
def test_an_identifier_is_not_empty_has_no_blank_ends_and_nothing_invisible(text: str) -> None:
    with pytest.raises(InvalidArgument, match=r"^customer "):
        identifier("customer", text)


@pytest.mark.parametrize("text", ["a" * 256, "a\x00b", "a\ud800b"])
def test_an_identifier_is_storable(text: str) -> None:
    with pytest.raises(InvalidText, match=r"^customer "):
        identifier("customer", text)
