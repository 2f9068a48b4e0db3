"""Who is who, and how sure that is: the laws of matching, and what a file may say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from purchase_core.errors import InvalidArgument
from purchase_core.importing.mapping import read_customers, read_prices
from purchase_core.importing.matching import CERTAIN, DOUBTFUL, LEFT, NOBODY, Evidence, match

NAMES = st.sampled_from(["ana", "ben", "eve"])
SOME = st.lists(NAMES, max_size=2, unique=True).map(tuple)
EVIDENCE = st.builds(
    Evidence,
    claims=SOME,
    linked=st.none() | NAMES | st.just(""),
    decided=st.none() | NAMES | st.just(""),
    mapped=SOME,
    fields=SOME,
    emails=SOME,
    known=st.frozensets(NAMES),
    erased=st.frozensets(NAMES, max_size=1),
)


@settings(max_examples=300, deadline=None)
@given(EVIDENCE)
def test_an_e_mail_address_links_nobody_and_takes_no_link_away(evidence: Evidence) -> None:
    found, without = match(evidence), match(replace(evidence, emails=()))
    assert (found.by in CERTAIN, found.ours) == (without.by in CERTAIN, without.ours)


@settings(max_examples=300, deadline=None)
@given(EVIDENCE)
def test_what_is_certain_contradicts_nothing(evidence: Evidence) -> None:
    found = match(evidence)
    assert bool(found.ours) == (found.by in CERTAIN)
    assert bool(found.why) == (found.by == DOUBTFUL)
    if not found.ours:
        return
    assert found.ours not in evidence.erased
    assert evidence.linked in (None, found.ours), "a link is never taken away"
    if not evidence.decided:
        claimed = {*evidence.claims} & evidence.known
        assert {*claimed, *evidence.mapped, *evidence.fields} <= {found.ours}


@pytest.mark.parametrize(
    ("evidence", "by", "ours"),
    [
        (Evidence(), NOBODY, ""),
        (Evidence(claims=("ana",), known=frozenset({"ana"})), "reference", "ana"),
        (Evidence(claims=("ana",)), DOUBTFUL, ""),
        (Evidence(claims=("ana",), mapped=("ana",)), "map", "ana"),
        (Evidence(linked="ana", mapped=("ana",)), "link", "ana"),
        (Evidence(linked="", mapped=("ana",)), DOUBTFUL, ""),
        (Evidence(fields=("ana",)), "field", "ana"),
        (Evidence(emails=("ana",)), DOUBTFUL, ""),
        (Evidence(mapped=("ana", "ben")), DOUBTFUL, ""),
        (Evidence(mapped=("ana", "ben"), decided="ben"), "decided", "ben"),
        (Evidence(mapped=("ana",), decided=""), LEFT, ""),
        (Evidence(mapped=("ana",), erased=frozenset({"ana"})), DOUBTFUL, ""),
    ],
)
def test_the_surest_counts(evidence: Evidence, by: str, ours: str) -> None:
    found = match(evidence)
    assert (found.by, found.ours) == (by, ours)


def test_a_file_says_who_is_who() -> None:
    csv = "\ufefftheir_customer, our_customer ,email\ncus_1,ana,\n,ben,Ben@Example.com \ncus_1,amy,\n"
    found = read_customers(csv.encode())
    assert found.by_id == {"cus_1": {"ana", "amy"}}
    assert found.by_email == {"ben@example.com": {"ben"}}
    assert "ben@" not in repr(found)
    lines = b'{"their_customer": "cus_1", "our_customer": "ana"}\n\n{"our_customer": "ben", "email": "b@c.d"}'
    assert read_customers(lines).by_id == {"cus_1": {"ana"}}
    assert read_prices(b"price,offer\nprice_1,app:pro\n") == {"price_1": "app:pro"}


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"cus_1,ana\n", "the first line"),
        (b"", "the first line"),
        (b"their_customer,our_customer\ncus_1,\n", "line 2"),
        (b"their_customer,our_customer\n,ana\n", "line 2"),
        (b"their_customer,our_customer\ncus_1,an\x01a\n", "line 2"),
        (b'{"their_customer": 1}', "line 1"),
        (b"\xff\xfe", "UTF-8"),
    ],
)
def test_a_file_that_cannot_be_names_the_line_and_quotes_nothing(data: bytes, told: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        read_customers(data)
    assert told in refused.value.message
    assert "cus_1" not in refused.value.message


def test_a_price_stands_for_one_offer() -> None:
    with pytest.raises(InvalidArgument, match="line 3"):
        read_prices(b"price,offer\np,app:pro\np,app:team\n")
