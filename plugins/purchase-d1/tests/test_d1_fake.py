"""The fake is held to the engine: both are asked the same, and must say the same."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest

from purchase_d1.local import Address
from purchase_d1.testing import D1Error, FakeD1, FakeTransport, Parameter
from purchase_d1.transport import Refused, Unanswered
from purchase_d1.troubles import failure

Batch = Sequence[tuple[str, Sequence[Parameter]]]

TABLE = "CREATE TABLE t (k TEXT NOT NULL CONSTRAINT t_pk PRIMARY KEY, n INTEGER NOT NULL, b BLOB) STRICT"
INSERT = "INSERT INTO t (k, n, b) VALUES (?1, ?2, unhex(?3))"
LISTED = "INSERT INTO t (k, n) SELECT value ->> 0, value ->> 1 FROM json_each(?1) WHERE true"
CHECKED = "CREATE TABLE c (n INTEGER CONSTRAINT n_is_one CHECK (n = 1))"


def columns(number: int) -> str:
    return f"CREATE TABLE wide ({', '.join(f'c{one}' for one in range(number))})"


def union(terms: int) -> str:
    return " UNION ALL ".join(f"SELECT {one} AS a" for one in range(terms))


def padded(length: int) -> str:
    return "SELECT 1 AS a --".ljust(length, "x")


PROBES: dict[str, Batch] = {
    "text": [("SELECT ?1 AS a, ?2 AS b", ["é🧾\x00'\"\\", ""])],
    "null": [("SELECT ?1 AS a, ?1 IS NULL AS b", [None])],
    "a number is a float": [("SELECT typeof(?1) AS a, ?1 AS b, ?1 / 2 AS c", [5])],
    "a text is a text": [("SELECT typeof(?1) AS a, CAST(?1 AS INTEGER) / 2 AS b", ["5"])],
    "a float": [("SELECT 2.5 AS a, 2.0 AS b", [])],
    "an integer beyond 53 bits": [("SELECT 9007199254740993 AS a, CAST(9007199254740993 AS TEXT) AS b", [])],
    "64 bits": [("SELECT CAST(value AS TEXT) AS a FROM json_each('[9223372036854775807]')", [])],
    "bytes": [("SELECT unhex('00ff') AS a, hex(unhex('00ff')) AS b, unhex('xy') AS c", [])],
    "parts of bytes": [("SELECT hex(CAST(unhex(?1) || unhex(?2) AS BLOB)) AS a", ["00ff00", "00"])],
    "two columns of one name": [("SELECT 1 AS a, 2 AS a, 3 AS b", [])],
    "no rows": [("SELECT 1 AS a WHERE 0", [])],
    "a parameter twice": [("SELECT ?1 AS a, ?2 AS b, ?1 AS c", ["x", "y"])],
    "returning": [(TABLE, []), (INSERT + " RETURNING k AS k, hex(b) AS b", ["x", "1", "00ff"])],
    "rows of a list": [(TABLE, []), (LISTED, ['[["x",9223372036854775807],["y",true]]']),
                       ("SELECT k, CAST(n AS TEXT) AS n FROM t", [])],
    "too large for an integer": [(TABLE, []), (LISTED, ['[["x",9223372036854775808]]'])],
    "text for an integer": [(TABLE, []), (INSERT, ["x", "seven", ""])],
    "a key twice": [(TABLE, []), (INSERT, ["x", "1", ""]), (INSERT, ["x", "2", ""])],
    "nothing where something must be": [(TABLE, []), (INSERT, ["x", None, ""])],
    "a named check": [(CHECKED, []), ("INSERT INTO c (n) VALUES (2)", [])],
    "a check within a batch undoes it": [(CHECKED, []), ("INSERT INTO c (n) VALUES (1)", []),
                                         ("INSERT INTO c (n) VALUES (2)", [])],
    "no table": [("SELECT * FROM nowhere", [])],
    "no column": [("SELECT nothing_here FROM sqlite_master", [])],
    "no SQL": [("SELEC 1", [])],
    "begin": [("BEGIN", [])],
    "begin immediate": [("begin immediate", [])],
    "commit": [("COMMIT", [])],
    "savepoint": [("SAVEPOINT a", [])],
    "attach": [("ATTACH ':memory:' AS other", [])],
    "vacuum": [("VACUUM", [])],
    "version": [("PRAGMA user_version", [])],
    "100 parameters": [("SELECT " + ", ".join(f"?{one} AS c{one}" for one in range(1, 101)), ["x"] * 100)],
    "a statement as long as can be": [(padded(100_000), [])],
    "a longer one": [(padded(100_001), [])],
    "100 columns": [(columns(100), [])],
    "101 columns": [(columns(101), [])],
    "a union of five": [(union(5), [])],
    "a union of six": [(union(6), [])],
    "a pattern of 50 bytes": [("SELECT 'x' LIKE ?1 AS a", ["x" * 50])],
    "a pattern of 51 bytes": [("SELECT 'x' LIKE ?1 AS a", ["x" * 51])],
    "a megabyte": [("SELECT length(?1) AS a", ["x" * 1_900_000])],
}  # fmt: skip


def said(text: str) -> tuple[str, str]:
    """What is made of an error: its kind, and the words in it that are about our tables."""
    words = re.search(
        r"constraint failed: [\w.]+|no such \w+|cannot store \w+ value in \w+ column [\w.]+", text
    )
    return type(failure(text)).__name__, words[0] if words else ""


def of_fake(batch: Batch) -> Any:
    database = FakeD1()
    try:
        answer: Any = database.batch(batch)
    except D1Error as error:
        answer = said(str(error))
    left = database.batch([("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name", [])])
    database.close()
    return answer, left


@pytest.fixture
def of_engine(database: Address) -> Callable[[Batch], Any]:
    headers = {"authorization": f"Bearer {database.token.reveal()}"}

    def send(batch: Batch) -> Any:
        sent = {"batch": [{"sql": sql, "params": params} for sql, params in batch]}
        reply = httpx.post(f"{database.url}raw", json=sent, headers=headers, trust_env=False).json()
        if not reply["success"]:
            return said(reply["errors"][0]["message"])
        return [one["results"]["rows"] for one in reply["result"]]

    def ask(batch: Batch) -> Any:
        answer = send(batch)
        listed = (
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ('t', 'c', 'wide') ORDER BY name"
        )
        left = send([(listed, [])])
        for (name,) in left[0]:
            send([(f"DROP TABLE {name}", [])])
        return answer, left

    return ask


@pytest.mark.parametrize("batch", PROBES.values(), ids=PROBES.keys())
def test_f84_f85_the_fake_says_what_the_engine_says(of_engine: Callable[[Batch], Any], batch: Batch) -> None:
    assert of_fake(batch) == of_engine(batch)


def test_f85_more_parameters_than_100_are_refused_as_by_the_proxy() -> None:
    many = "SELECT " + ", ".join(f"?{one} AS c{one}" for one in range(1, 102))
    with pytest.raises(D1Error, match=r"between \?1 and \?100"):
        FakeD1().batch([(many, ["x"] * 101)])


def test_a_fake_loses_what_its_seed_says() -> None:
    async def lost(seed: int) -> list[bool]:
        line = FakeTransport(FakeD1(), lost=0.5, seed=seed)
        found = []
        for _ in range(40):
            try:
                await line.batch([("SELECT 1 AS a", ())])
                found.append(False)
            except Unanswered as lost:
                found.append(lost.maybe_written)
        return found

    first = asyncio.run(lost(1))
    assert 20 <= first.count(True) <= 38  # each of two ways, half of the time
    assert first == asyncio.run(lost(1))
    assert first != asyncio.run(lost(2))


def test_a_refusal_shows_nothing_of_what_was_said() -> None:
    assert "hunter2" not in repr(Refused("hunter2"))
    assert "hunter2" not in str(Refused("hunter2"))
