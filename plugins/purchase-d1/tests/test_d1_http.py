"""What goes wrong between a store and what answers over HTTP, and what the caller is told."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence

import httpx
import pytest
from msgspec.structs import replace

from purchase_contract_tests.store.samples import ANA, NOW, case, delivery, step
from purchase_core.errors import (
    InvalidArgument,
    InvalidText,
    LaneConflict,
    PurchaseError,
    SchemaError,
    StoreUnavailable,
)
from purchase_core.facts.rows import CaseRow
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store
from purchase_core.records.delivery import Delivery
from purchase_core.secret import Secret
from purchase_d1.http import HttpTransport
from purchase_d1.running import WAIT_SECONDS_MAX, Pace
from purchase_d1.store import D1Store
from purchase_d1.testing import D1Error, FakeD1
from purchase_d1.transport import Answer, Unanswered
from purchase_d1.troubles import failure

TOKEN = "d1_token_0123456789abcdefghijkl"
URL = "https://d1.example/base"

Handler = Callable[[httpx.Request], httpx.Response]


class Line:
    """A fake D1 behind HTTP, which answers as the API does. `trouble` may answer instead, or raise."""

    def __init__(self) -> None:
        self.database = FakeD1()
        self.requests: list[httpx.Request] = []
        self.slept: list[float] = []
        self.before: Handler | None = None
        self.after: Handler | None = None

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.before is not None:
            return self.before(request)
        batch = [(one["sql"], one["params"]) for one in json.loads(request.content)["batch"]]
        try:
            answer = solved(self.database.batch(batch))
        except D1Error as error:
            answer = problem(400, str(error))
        return answer if self.after is None else self.after(request)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def store(self, *, tries_max: int = 3) -> D1Store:
        client = httpx.AsyncClient(transport=httpx.MockTransport(self.answer))
        transport = HttpTransport(URL, Secret(TOKEN), client=client)
        return D1Store(transport, pace=Pace(tries_max, 1.0, self.sleep, lambda: 1.0))


def solved(answer: Answer) -> httpx.Response:
    result = [{"results": {"columns": [], "rows": rows}, "success": True, "meta": {}} for rows in answer]
    return httpx.Response(200, json={"success": True, "errors": [], "messages": [], "result": result})


def problem(status: int, *messages: str) -> httpx.Response:
    errors = [{"code": 7500, "message": message} for message in messages]
    return httpx.Response(status, json={"success": False, "errors": errors, "messages": [], "result": None})


def once(handler: Handler, line: Line, place: str) -> Handler:
    """Answer so once, and be gone."""

    def answer(request: httpx.Request) -> httpx.Response:
        setattr(line, place, None)
        return handler(request)

    return answer


def raising(error: type[httpx.TransportError]) -> Handler:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error("hunter2", request=request)

    return answer


def saying(status: int, *messages: str, **headers: str) -> Handler:
    def answer(_: httpx.Request) -> httpx.Response:
        response = problem(status, *messages)
        response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
        return response

    return answer


async def migrated(line: Line, **settings: int) -> D1Store:
    store = line.store(**settings)
    await store.migrate()
    line.requests.clear()
    return store


def batch(number: int = 1) -> Batch:
    return Batch(f"batch_{number}", NOW, lanes=(step(),), rows=(case(f"case_{number}"),))


async def is_there_once(store: Store) -> None:
    assert (await store.lane(ANA)).version == 1
    assert [row.key for row in await store.rows(CaseRow)] == ["case_1"]


LOST = {
    "connection cut": raising(httpx.ReadError),
    "no answer": raising(httpx.ReadTimeout),
    "cut while writing": raising(httpx.WriteError),
    "half an answer": raising(httpx.RemoteProtocolError),
    "a page of HTML": lambda _: httpx.Response(502, html="<h1>Bad gateway</h1>"),
    "half a document": lambda _: httpx.Response(200, content=b'{"success": true, "resu'),
    "no document": lambda _: httpx.Response(200, json=[1, 2]),
    "of another batch": lambda _: httpx.Response(200, json={"success": True, "result": []}),
    "an error without words": saying(500),
    "an unknown error": saying(500, "D1_ERROR: a thing that nobody has heard of"),
    "network": saying(400, "D1_ERROR: Network connection lost."),
    "reset": saying(
        500, "D1_ERROR: D1 DB storage operation exceeded timeout which caused object to be reset."
    ),
    "code": saying(500, "D1_ERROR: D1 DB reset because its code was updated."),
    "internal": saying(500, "D1_ERROR: internal error; reference = 0123"),
}


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST.keys())
@pytest.mark.parametrize("place", ["before", "after"])
def test_f81_f85_a_reply_that_is_lost_is_found_by_sending_the_batch_again(lost: Handler, place: str) -> None:
    async def run() -> None:
        line = Line()
        async with await migrated(line) as store:
            setattr(line, place, once(lost, line, place))
            await store.commit(batch())
            commits = [one.content for one in line.requests if b"batch_1" in one.content]
            assert len(commits) == 2  # sent twice, each time the same
            assert len(set(commits)) == 1
            assert line.slept == [1.0]
            await is_there_once(store)

    asyncio.run(run())


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST.keys())
@pytest.mark.parametrize("place", ["before", "after"])
def test_f81_where_every_reply_is_lost_the_outcome_is_unknown_and_nothing_is_doubled(
    lost: Handler, place: str
) -> None:
    async def run() -> None:
        line = Line()
        async with await migrated(line) as store:
            setattr(line, place, lost)
            with pytest.raises(StoreUnavailable) as unknown:
                await store.commit(batch())
            assert unknown.value.outcome_unknown
            assert "hunter2" not in str(unknown.value)
            assert "nobody has heard" not in str(unknown.value)
            assert line.slept == [1.0, 2.0]
            setattr(line, place, None)
            assert await store.committed("batch_1") == (place == "after")
            await store.commit(batch())
            await is_there_once(store)

    asyncio.run(run())


NOT_RUN = {
    "nobody there": raising(httpx.ConnectError),
    "nobody answers the call": raising(httpx.ConnectTimeout),
    "no connection is free": raising(httpx.PoolTimeout),
    "too many requests": saying(429, "rate limited", retry_after="2"),
    "overloaded": saying(500, "D1_ERROR: D1 DB is overloaded. Requests queued for too long."),
}


@pytest.mark.parametrize("refused", NOT_RUN.values(), ids=NOT_RUN.keys())
def test_f40_what_was_provably_not_run_is_tried_again_and_then_told_as_such(refused: Handler) -> None:
    async def run() -> None:
        line = Line()
        async with await migrated(line) as store:
            line.before = once(refused, line, "before")
            await store.commit(batch())
            await is_there_once(store)
            line.before = refused
            with pytest.raises(StoreUnavailable) as unavailable:
                await store.claim(now=NOW, lease_until=NOW, limit=1)
            assert not unavailable.value.outcome_unknown
            assert unavailable.value.retryable

    asyncio.run(run())


def test_f40_the_wait_that_the_server_asks_for_is_kept_or_told() -> None:
    async def run() -> None:
        line = Line()
        async with await migrated(line) as store:
            line.before = once(saying(429, retry_after="7"), line, "before")
            await store.commit(batch())
            assert line.slept == [7.0]
            line.before = saying(429, retry_after=str(int(WAIT_SECONDS_MAX) + 1))
            with pytest.raises(StoreUnavailable, match="no more requests"):
                await store.lane(ANA)
            assert line.slept == [7.0]

    asyncio.run(run())


@pytest.mark.parametrize("place", ["before", "after"])
def test_f92_a_claim_whose_reply_is_lost_is_not_sent_again(place: str) -> None:
    async def run() -> None:
        line = Line()
        async with await migrated(line) as store:
            await store.commit(Batch("batch_1", NOW, deliveries=(delivery(),)))
            line.requests.clear()
            setattr(line, place, raising(httpx.ReadTimeout))
            with pytest.raises(StoreUnavailable) as unknown:
                await store.claim(now=NOW, lease_until=NOW, limit=1)
            assert unknown.value.outcome_unknown
            assert len(line.requests) == 1

    asyncio.run(run())


LASTING = {401: "token", 403: "token", 404: "no D1 database"}


@pytest.mark.parametrize("status", LASTING)
def test_what_trying_again_does_not_mend_is_told_at_once(status: int) -> None:
    async def run() -> None:
        line = Line()
        async with await migrated(line) as store:
            line.before = saying(status, f"{TOKEN} is not accepted")
            with pytest.raises(StoreUnavailable, match=LASTING[status]) as refused:
                await store.commit(batch())
            assert not refused.value.outcome_unknown
            assert len(line.requests) == 1
            assert TOKEN not in str(refused.value)

    asyncio.run(run())


def test_a_token_goes_to_one_host_only() -> None:
    async def run() -> None:
        line = Line()
        async with await migrated(line) as store:
            line.before = lambda _: httpx.Response(307, headers={"location": "https://evil.example/raw"})
            with pytest.raises(StoreUnavailable):
                await store.commit(batch())
            assert {str(one.url) for one in line.requests} == {f"{URL}/raw"}
            assert {one.headers["authorization"] for one in line.requests} == {f"Bearer {TOKEN}"}

    asyncio.run(run())


REFUSALS: Sequence[tuple[str, type[PurchaseError], str]] = (
    ("no such table: billing_lanes: SQLITE_ERROR", SchemaError, "purchase migrate"),
    ("table lanes has no column named hunter2: SQLITE_ERROR", SchemaError, "purchase migrate"),
    ("statement too long: SQLITE_TOOBIG", InvalidArgument, "larger than D1 takes"),
    ("string or blob too big: SQLITE_TOOBIG", InvalidArgument, "larger than D1 takes"),
    ("too many SQL variables at offset 77: SQLITE_ERROR", InvalidArgument, "larger than D1 takes"),
    ("NOT NULL constraint failed: lanes.version: SQLITE_CONSTRAINT", InvalidArgument, "lanes.version"),
    ("CHECK constraint failed: another: SQLITE_CONSTRAINT", InvalidArgument, "another"),
    (
        "cannot store REAL value in INTEGER column lots.granted: SQLITE_CONSTRAINT",
        InvalidArgument,
        "lots.granted",
    ),
    ("nothing was run: more than 2000 statements", StoreUnavailable, "refuses a statement"),
    ("Exceeded maximum DB size", StoreUnavailable, "full"),
    ('near "hunter2": syntax error at offset 0: SQLITE_ERROR', StoreUnavailable, "SQLITE_ERROR"),
)


@pytest.mark.parametrize(("text", "error", "says"), REFUSALS, ids=[text[:30] for text, *_ in REFUSALS])
def test_what_d1_refuses_has_a_type_and_quotes_no_sql(
    text: str, error: type[PurchaseError], says: str
) -> None:
    async def run() -> None:
        line = Line()
        async with await migrated(line) as store:
            line.before = saying(400, f"D1_ERROR: {text}")
            with pytest.raises(error) as refused:
                await store.commit(batch())
            assert says in str(refused.value)
            assert "hunter2" not in str(refused.value)
            assert not refused.value.outcome_unknown
            assert refused.value.__suppress_context__
            assert len(line.requests) == 1

    asyncio.run(run())


def test_a_request_that_is_larger_than_the_proxy_reads_is_refused_before_it_is_sent() -> None:
    async def run() -> None:
        line = Line()
        async with await migrated(line) as store:
            rows = tuple(case(f"case_{number}", detail="x" * 1_000_000) for number in range(30))
            with pytest.raises(InvalidArgument, match="larger than D1 takes"):
                await store.commit(Batch("batch_1", NOW, rows=rows))
            assert not line.requests

    asyncio.run(run())


def test_f99_a_conflict_in_a_batch_that_was_sent_again_is_still_one() -> None:
    async def run() -> None:
        line = Line()
        async with await migrated(line) as store:
            await store.commit(batch(1))
            line.before = once(raising(httpx.ReadError), line, "before")
            with pytest.raises(LaneConflict, match="is at 1, not at 0"):
                await store.commit(batch(2))

    asyncio.run(run())


def test_f29_a_lone_surrogate_is_refused_before_anything_is_sent() -> None:
    async def run() -> None:
        line = Line()
        async with await migrated(line) as store:
            line.requests.clear()
            with pytest.raises(InvalidText):
                await store.commit(Batch("batch_1", NOW, lanes=(step("customer:\ud800"),)))
            with pytest.raises(InvalidText):
                await store.commit(Batch("batch_1", NOW, deliveries=(delivery_with_header("\ud800"),)))
            with pytest.raises(InvalidText):
                await store.lane("customer:\ud800")
            with pytest.raises(InvalidText):
                await store.offers(["\ud800"])
            assert not line.requests

    asyncio.run(run())


def delivery_with_header(value: str) -> Delivery:
    return replace(delivery(), headers=(("name", value),))


@pytest.mark.parametrize(
    "text", ["D1 DB storage caused object to be reset: SQLITE_BUSY", "Network connection lost; syntax error"]
)
def test_f81_what_may_have_been_run_is_never_taken_for_a_refusal(text: str) -> None:
    found = failure(text)
    assert isinstance(found, Unanswered)
    assert found.maybe_written


def test_t15_neither_redirects_nor_proxies_of_the_environment_lead_a_token_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://evil.example:3128")
    line = HttpTransport(URL, Secret(TOKEN))
    assert not line._client.follow_redirects
    assert not line._client.trust_env
    assert not [one for one in line._client._mounts.values() if one is not None]
    asyncio.run(line.aclose())


def test_a_closed_store_says_so_at_once() -> None:
    async def run() -> None:
        line = Line()
        store = await migrated(line)
        await store.aclose()
        await store.aclose()
        with pytest.raises(StoreUnavailable, match="closed"):
            await store.commit(batch())
        assert not line.slept

    asyncio.run(run())


def test_t06_no_token_and_no_value_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        line = Line()
        async with await migrated(line) as store:
            for handler in (*LOST.values(), *NOT_RUN.values(), *map(saying, LASTING)):
                line.before = handler
                with pytest.raises(StoreUnavailable):
                    await store.commit(batch())

    with caplog.at_level(logging.DEBUG):
        asyncio.run(run())
    assert TOKEN not in caplog.text
    assert "case_1" not in caplog.text
