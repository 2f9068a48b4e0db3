"""Calls to Paddle over HTTP: bounded in time and size, and to one address only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import TypeAlias, TypeVar

import attrs
import httpx
import msgspec

from purchase_core.errors import MalformedBody, ProviderError, ProviderUnavailable
from purchase_core.instants import Clock, Instant, instant
from purchase_core.ports.provider import Pause, calling, read_patiently, reading
from purchase_core.secret import Secret

from . import answers, documents, errors
from .config import API_VERSION, PaddleConfig
from .discretion import WithoutQueries

ANSWER_BYTES_MAX = 8 * 1024 * 1024
CONNECTIONS_MAX = 20
PAGES_MAX = 200
SUCCESS = (200, 201, 202)

Fields: TypeAlias = Mapping[str, object]
Query: TypeAlias = Sequence[tuple[str, str]]

D = TypeVar("D", bound=msgspec.Struct)


@attrs.frozen
class Answer:
    """The body of an answer, and when its state still held: Paddle's time, less the call's duration."""

    body: bytes = attrs.field(repr=False)
    as_of: Instant


@attrs.frozen
class Page:
    """A page of a list: its rows, to the byte."""

    rows: tuple[bytes, ...] = attrs.field(repr=False)
    has_more: bool
    as_of: Instant


class PaddleClient:
    """Paddle's API for one connection. Raises only errors of ProviderError's branch."""

    def __init__(
        self,
        config: PaddleConfig,
        mode: str,
        api_key: Secret,
        clock: Clock,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._config = config
        self._api_key = api_key
        self._clock = clock
        self._pause = pause
        # No proxies, no .netrc, no redirects: the configured address is the only one that is ever called.
        self._discretion = WithoutQueries(config.url(mode))
        self._discretion.begin()
        self._http = httpx.AsyncClient(
            base_url=config.url(mode),
            transport=transport,
            timeout=httpx.Timeout(config.call_seconds, connect=config.connect_seconds),
            limits=httpx.Limits(max_connections=CONNECTIONS_MAX),
            follow_redirects=False,
            trust_env=False,
        )

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._http.aclose()
        self._discretion.end()

    async def write(self, method: str, path: str, fields: Fields, kind: type[D]) -> D:
        """POST or PATCH, once. The entity that answers it."""
        body = msgspec.json.encode(fields)
        answer = await self._within(path, self._send(method, path, body=body), write=True)
        return self._document(path, answer.body, kind, write=True)

    async def ask(self, path: str, fields: Fields, kind: type[D]) -> D:
        """PATCH that changes nothing: a preview. Tried again where that may help."""
        body = msgspec.json.encode(fields)
        answer = await self._within(path, self._read("PATCH", path, body=body), write=False)
        return self._document(path, answer.body, kind, write=False)

    async def raw(self, path: str) -> Answer:
        """GET one entity, as bytes."""
        answer = await self._within(path, self._read("GET", path), write=False)
        return Answer(_entity(path, answer.body, write=False), answer.as_of)

    async def read(self, path: str, kind: type[D], query: Query = ()) -> D:
        """GET one entity."""
        answer = await self._within(path, self._read("GET", path, query=query), write=False)
        return self._document(path, answer.body, kind, write=False)

    async def page(self, path: str, query: Query) -> Page:
        """GET a page of a list."""
        answer = await self._within(path, self._read("GET", path, query=query), write=False)
        try:
            found = reading.read_raw(answer.body, answers.ListPage)
        except MalformedBody as error:
            raise calling.unclear(path, error.message, write=False) from None
        return Page(tuple(map(bytes, found.data)), found.meta.pagination.has_more, answer.as_of)

    async def rows(self, path: str, query: Query, kind: type[D], per_page: int) -> AsyncIterator[D]:
        """Every entity of a list, in the order of the query; pages are followed to the end.

        Raises ProviderUnavailable rather than stop in the middle of a list that does not end.
        """
        cursor = ""
        for _ in range(PAGES_MAX):
            asked = [*query, ("per_page", str(per_page)), *([("after", cursor)] if cursor else [])]
            page = await self.page(path, asked)
            for row in page.rows:
                yield self._row(path, row, kind)
            if not page.has_more or not page.rows:
                return
            cursor = self._row(path, page.rows[-1], documents.Head).id
        raise ProviderUnavailable(f"{path}: a list of more than {PAGES_MAX} pages")

    async def listed(
        self, path: str, query: Query, kind: type[D], cursor: str, limit: int
    ) -> tuple[list[D], str]:
        """A page of a list in the order of making, and the cursor of the next, "" at the end."""
        asked = [*query, ("order_by", "id[ASC]"), ("per_page", str(limit))]
        page = await self.page(path, [*asked, *([("after", cursor)] if cursor else [])])
        rows = [self._row(path, row, kind) for row in page.rows]
        more = page.has_more and bool(rows)
        return rows, self._row(path, page.rows[-1], documents.Head).id if more else ""

    def _row(self, path: str, row: bytes, kind: type[D]) -> D:
        try:
            return reading.read(row, kind)
        except MalformedBody as error:
            raise calling.unclear(path, error.message, write=False) from None

    def _document(self, path: str, body: bytes, kind: type[D], *, write: bool) -> D:
        try:
            return reading.read(_entity(path, body, write=write), kind)
        except MalformedBody as error:
            raise calling.unclear(path, error.message, write=write) from None

    async def _within(self, path: str, call: Awaitable[Answer], *, write: bool) -> Answer:
        return await calling.within(call, seconds=self._config.call_seconds, operation=path, write=write)

    async def _read(self, method: str, path: str, *, query: Query = (), body: bytes = b"") -> Answer:
        return await read_patiently(
            lambda: self._send(method, path, query=query, body=body, write=False),
            seed=f"{path}:{self._clock.now()}",
            pause=self._pause,
        )

    async def _send(
        self, method: str, path: str, *, query: Query = (), body: bytes = b"", write: bool = True
    ) -> Answer:
        headers = {
            "authorization": f"Bearer {self._api_key.reveal()}",
            "paddle-version": API_VERSION,
            "accept": "application/json",
            "accept-encoding": "identity",
        }
        if body:
            headers["content-type"] = "application/json"
        started = self._clock.now()
        problem: ProviderError
        try:
            async with self._http.stream(
                method, path, params=list(query), content=body, headers=headers
            ) as response:
                found = await _bounded(response)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            problem = errors.unreachable(path)
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            problem = calling.unclear(path, f"the connection failed ({type(error).__name__})", write=write)
        else:
            if found is None:
                problem = calling.unclear(path, f"an answer of over {ANSWER_BYTES_MAX} bytes", write=write)
            elif response.status_code in SUCCESS:
                return Answer(found, self._as_of(response.headers.get("date", ""), started))
            else:
                after = response.headers.get("retry-after", "")
                problem = errors.refusal(path, response.status_code, found, after, write=write)
        raise problem

    def _as_of(self, date: str, started: Instant) -> Instant:
        """Paddle's time at the beginning of the call, in whole seconds; 0 where it does not say."""
        try:
            told = instant(parsedate_to_datetime(date))
        except (ValueError, TypeError, OverflowError):
            return Instant(0)
        took = max(self._clock.now() - started, 0)
        return Instant(max(told - took, 0))


async def _bounded(response: httpx.Response) -> bytes | None:
    """The answer's body; None if it is too large to be read."""
    found = bytearray()
    async for chunk in response.aiter_raw():
        found += chunk
        if len(found) > ANSWER_BYTES_MAX:
            return None
    return bytes(found)


def _entity(path: str, body: bytes, *, write: bool) -> bytes:
    """The entity in an answer, to the byte."""
    try:
        return bytes(reading.read_raw(body, answers.Answer).data)
    except MalformedBody as error:
        raise calling.unclear(path, error.message, write=write) from None
