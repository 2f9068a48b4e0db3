"""The proxy Worker lets nobody in without its token, bounds what it reads, and says no SQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from purchase_d1.local import Address, local_d1

BODY_BYTES_MAX = 24 * 1024 * 1024
STATEMENTS_MAX = 2_000
SELECT = {"batch": [{"sql": "SELECT ?1 AS a", "params": ["x"]}]}


@pytest.fixture
def client(database: Address) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {database.token.reveal()}"}
    with httpx.Client(base_url=database.url, headers=headers, trust_env=False) as client:
        yield client


def words(response: httpx.Response) -> str:
    (error,) = response.json()["errors"]
    assert response.json()["success"] is False
    assert response.json()["result"] is None
    return str(error["message"])


def test_it_answers_as_the_api_does(client: httpx.Client) -> None:
    response = client.post("/raw", json=SELECT)
    assert response.status_code == 200
    answer = response.json()
    assert (answer["success"], answer["errors"], answer["messages"]) == (True, [], [])
    (result,) = answer["result"]
    assert result["results"] == {"columns": ["a"], "rows": [["x"]]}
    assert result["success"] is True
    assert "duration" in result["meta"]


@pytest.mark.parametrize("given", ["", "Bearer x", "Bearer TOKEN x", "Basic TOKEN", "Bearer TOKE"])
def test_t01_nobody_is_let_in_without_the_token(database: Address, given: str) -> None:
    token = database.token.reveal()
    header = given.replace("TOKEN", token).replace("TOKE", token[:-1])
    for method, path in (("POST", "/raw"), ("GET", "/raw"), ("POST", "/other")):
        response = httpx.request(
            method, f"{database.url}{path.lstrip('/')}", headers={"authorization": header}, trust_env=False
        )
        assert response.status_code == 401
        assert token not in response.text


def test_t01_no_header_is_no_token(database: Address) -> None:
    assert httpx.post(f"{database.url}raw", json=SELECT, trust_env=False).status_code == 401


@pytest.mark.parametrize("token", ["", "short", "x" * 23])
def test_f17_f18_without_a_token_of_its_own_it_lets_nobody_in(token: str) -> None:
    with local_d1(token=token) as weak:
        for given in (f"Bearer {token}", token, "Bearer undefined", "Bearer null"):
            headers = {"authorization": given.strip()}
            response = httpx.post(f"{weak.url}raw", json=SELECT, headers=headers, trust_env=False)
            assert response.status_code == 401


def test_it_has_one_way_in(client: httpx.Client) -> None:
    assert client.get("/raw").status_code == 405
    assert client.post("/query", json=SELECT).status_code == 404
    assert client.post("/", json=SELECT).status_code == 404
    assert client.post("/accounts/a/d1/database/b/raw", json=SELECT).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"{}", b"null", b'"x"', b'{"batch": []}', b'{"batch": {}}', b'{"batch": [null]}',
        b'{"batch": ["SELECT 1"]}', b'{"batch": [{"sql": 7}]}',
        b'{"batch": [{"sql": "SELECT 1", "params": {}}]}',
        b'{"batch": [{"sql": "SELECT ?1", "params": [true]}]}',
        b'{"batch": [{"sql": "SELECT ?1", "params": [[1]]}]}',
        json.dumps({"batch": [{"sql": "SELECT 1"}] * (STATEMENTS_MAX + 1)}).encode(),
        json.dumps({"batch": [{"sql": "SELECT 1", "params": [""] * 101}]}).encode(),
        json.dumps({"batch": [{"sql": "SELECT 1 --" + "x" * 100_000}]}).encode(),
    ],
    ids=lambda body: body[:40].decode(),
)  # fmt: skip
def test_what_is_no_batch_is_refused(client: httpx.Client, body: bytes) -> None:
    response = client.post("/raw", content=body)
    assert response.status_code == 400
    assert words(response).startswith("nothing was run: ")


def test_f26_a_body_over_the_limit_is_refused_whatever_its_header_says(database: Address) -> None:
    told = b"x" * (BODY_BYTES_MAX + 1)
    in_chunks = (b"x" * (1024 * 1024) for _ in range(25))  # with no length said
    headers = {"authorization": f"Bearer {database.token.reveal()}"}
    for content in (told, in_chunks):
        with suppress(httpx.TransportError):  # the line may be cut while there is more to be sent
            response = httpx.post(f"{database.url}raw", content=content, headers=headers, trust_env=False)
            assert response.status_code == 413
    assert httpx.post(f"{database.url}raw", json=SELECT, headers=headers, trust_env=False).is_success


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELEC hunter2", "SQLITE_ERROR"),
        ("SELECT * FROM hunter2", "no such table"),
        ("SELECT json_extract('{}', 'hunter2')", "SQLITE_ERROR"),
        ("SELECT json('hunter2')", "SQLITE_ERROR"),
        ("BEGIN", "BEGIN TRANSACTION or SAVEPOINT"),
        ("ATTACH 'hunter2' AS other", "SQLITE_AUTH"),
    ],
)
def test_its_errors_say_what_happened_and_no_sql(client: httpx.Client, sql: str, says: str) -> None:
    response = client.post("/raw", json={"batch": [{"sql": sql}]})
    assert response.status_code == 400
    assert says in words(response)
    assert "hunter2" not in response.text
    assert "SELEC" not in response.text


def test_f85_a_batch_is_one_transaction(client: httpx.Client) -> None:
    made = "CREATE TABLE batches_are_whole (n INTEGER CONSTRAINT n_is_one CHECK (n = 1))"
    inserted = "INSERT INTO batches_are_whole (n) VALUES (?1)"
    batch = [{"sql": made}, {"sql": inserted, "params": ["1"]}, {"sql": inserted, "params": ["2"]}]
    response = client.post("/raw", json={"batch": batch})
    assert response.status_code == 400
    assert "CHECK constraint failed: n_is_one" in words(response)
    left = "SELECT count(*) AS n FROM sqlite_master WHERE name = 'batches_are_whole'"
    found = client.post("/raw", json={"batch": [{"sql": left}]}).json()
    assert found["result"][0]["results"]["rows"] == [[0]]
