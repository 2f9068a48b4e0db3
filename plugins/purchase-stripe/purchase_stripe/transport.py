"""How the SDK's requests leave this machine: to one address, bounded in time and size, and past no proxy."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NoReturn

import httpx
import stripe

CONNECTIONS_MAX = 20
ANSWER_BYTES_MAX = 8 * 1024 * 1024


class AnswerTooLarge(httpx.TransportError):
    """More than ANSWER_BYTES_MAX bytes."""


class BoundedClient(stripe.HTTPClient):
    """The SDK's client over an `httpx.AsyncClient` of our own. No redirects, no proxies, no .netrc."""

    name = "httpx"

    def __init__(self, *, connect_seconds: float, call_seconds: float) -> None:
        super().__init__()
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(call_seconds, connect=connect_seconds),
            limits=httpx.Limits(max_connections=CONNECTIONS_MAX),
            follow_redirects=False,
            trust_env=False,
        )

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: str | bytes | None = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """One request. Raises APIConnectionError, whose cause says what failed."""
        body = bytearray()
        try:
            async with self._http.stream(
                method, url, headers=dict(headers), content=post_data or b""
            ) as response:
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > ANSWER_BYTES_MAX:
                        raise AnswerTooLarge("the answer is too large")
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            failed = stripe.APIConnectionError("the request failed")  # type: ignore[no-untyped-call]
            raise failed from error
        return bytes(body), response.status_code, response.headers

    def request(self, *arguments: object, **options: object) -> NoReturn:
        """Nobody blocks."""
        raise NotImplementedError("this client is asynchronous")

    async def sleep_async(self, seconds: float) -> None:
        """Between two tries of the SDK, of which there are none."""
        await asyncio.sleep(seconds)

    def close(self) -> None:
        """Nothing: see close_async."""

    async def close_async(self) -> None:
        """Let go of connections."""
        await self._http.aclose()
