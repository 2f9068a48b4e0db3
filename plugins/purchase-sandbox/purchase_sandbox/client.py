"""Calls to the sandbox over HTTP: bounded in time and size, and to one address only."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import TypeAlias, TypeVar

import attrs
import httpx
import msgspec

from purchase_core.errors import MalformedBody, ProviderError
from purchase_core.instants import MILLISECOND, Clock, Instant
from purchase_core.ports.provider import Pause, calling, read_patiently, reading
from purchase_core.secret import Secret

from . import documents, errors
from .config import SandboxConfig

ANSWER_BYTES_MAX = 8 * 1024 * 1024
CONNECTIONS_MAX = 20
TIME_HEADER = "sandbox-time"
TIME_DIGITS_MAX = 18
OK = 200

Fields: TypeAlias = Mapping[str, str | int | bool | Mapping[str, str] | Sequence[str] | None]
Query: TypeAlias = Sequence[tuple[str, str]]

D = TypeVar("D", bound=msgspec.Struct)


@attrs.frozen
class Answer:
    """A body, and since when its state holds at the latest: the provider's time, less the call's duration."""

    body: bytes = attrs.field(repr=False)
    as_of: Instant


class SandboxClient:
    """The sandbox's HTTP API for one connection. Raises only errors of ProviderError's branch."""

    def __init__(
        self,
        config: SandboxConfig,
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
        self._http = httpx.AsyncClient(
            base_url=config.base_url,
            transport=transport,
            timeout=httpx.Timeout(config.call_seconds, connect=config.connect_seconds),
            limits=httpx.Limits(max_connections=CONNECTIONS_MAX),
            follow_redirects=False,
            trust_env=False,
        )

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._http.aclose()

    async def write(self, path: str, fields: Fields, kind: type[D], *, key: str) -> D:
        """POST, once. The document that answers it."""
        body = msgspec.json.encode(fields)
        answer = await self._within(path, self._send("POST", path, body=body, key=key), write=True)
        return self._document(path, answer, kind, write=True)

    async def read(self, path: str, query: Query = ()) -> Answer:
        """GET one object. Tried again where that may help: a read changes nothing."""
        return await self._within(path, self._read(path, query), write=False)

    async def show(self, path: str, kind: type[D], query: Query = ()) -> D:
        """GET one object, as a document."""
        return self._document(path, await self.read(path, query), kind, write=False)

    async def page(self, path: str, query: Query) -> tuple[documents.ListPage, Instant]:
        """GET a page of a list."""
        answer = await self._within(path, self._read(path, query), write=False)
        try:
            return reading.read_raw(answer.body, documents.ListPage), answer.as_of
        except MalformedBody as error:
            raise calling.unclear(path, error.message, write=False) from None

    async def find(self, path: str, query: Query, kind: type[D]) -> list[D]:
        """The first page of a list, as documents."""
        page, _ = await self.page(path, query)
        return [self.read_row(path, row, kind) for row in page.data]

    def read_row(self, path: str, row: msgspec.Raw, kind: type[D]) -> D:
        """A row of a page, as a document."""
        return self._document(path, Answer(bytes(row), Instant(0)), kind, write=False)

    async def _within(self, path: str, call: Awaitable[Answer], *, write: bool) -> Answer:
        return await calling.within(call, seconds=self._config.call_seconds, operation=path, write=write)

    async def _read(self, path: str, query: Query) -> Answer:
        return await read_patiently(
            lambda: self._send("GET", path, query=query),
            seed=f"{path}:{self._clock.now()}",
            pause=self._pause,
        )

    async def _send(
        self, method: str, path: str, *, query: Query = (), body: bytes = b"", key: str = ""
    ) -> Answer:
        write = method == "POST"
        headers = {
            "authorization": f"Bearer {self._api_key.reveal()}",
            "accept": "application/json",
            "accept-encoding": "identity",
        }
        if write:
            headers |= {"content-type": "application/json", "idempotency-key": calling.header_key(key)}
        started = self._clock.now()
        problem: ProviderError
        try:
            async with self._http.stream(
                method, path, params=list(query), content=body, headers=headers
            ) as response:
                found = await _bounded(response)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            problem = errors.unreachable(path, self._config.base_url)
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            problem = calling.unclear(path, f"the connection failed ({type(error).__name__})", write=write)
        else:
            if found is None:
                problem = calling.unclear(path, f"an answer of over {ANSWER_BYTES_MAX} bytes", write=write)
            elif response.status_code == OK:
                return self._answer(path, found, response.headers, started, write=write)
            else:
                after = response.headers.get("retry-after", "")
                problem = errors.refusal(path, response.status_code, found, after, write=write)
        raise problem

    def _answer(
        self, path: str, body: bytes, headers: httpx.Headers, started: Instant, *, write: bool
    ) -> Answer:
        time = headers.get(TIME_HEADER, "")
        if not (time.isascii() and time.isdecimal() and len(time) <= TIME_DIGITS_MAX):
            raise calling.unclear(path, f"the answer has no header {TIME_HEADER}", write=write)
        took = self._clock.now() - started
        if took < 0:  # our clock was set back meanwhile: the call lasted no longer than calls may last
            took = int(self._config.call_seconds * 1_000) * MILLISECOND
        return Answer(body, Instant(max(int(time) - took, 0)))

    def _document(self, path: str, answer: Answer, kind: type[D], *, write: bool) -> D:
        try:
            return reading.read(answer.body, kind)
        except MalformedBody as error:
            raise calling.unclear(path, error.message, write=write) from None


async def _bounded(response: httpx.Response) -> bytes | None:
    """The answer's body; None if it is too large to be read."""
    found = bytearray()
    async for chunk in response.aiter_raw():
        found += chunk
        if len(found) > ANSWER_BYTES_MAX:
            return None
    return bytes(found)
