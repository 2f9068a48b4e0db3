"""Over HTTP, in the JSON of Cloudflare's REST API, which the proxy Worker speaks too.

POST <address>/raw with `{"batch": [{"sql", "params"}]}`; the answer holds columns and rows of each statement.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
import msgspec

from purchase_core.secret import Secret
from purchase_d1.transport import Answer, Refused, Transport, Unanswered
from purchase_d1.troubles import failure
from purchase_sql.wire import Sent

REQUEST_BYTES_MAX = 24 * 1024 * 1024  # what the proxy Worker reads
REPLY_BYTES_MAX = 64 * 1024 * 1024
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

_json = msgspec.json.Encoder().encode


class _Results(msgspec.Struct):
    rows: list[list[Any]] = []


class _Result(msgspec.Struct):
    results: _Results


class _Problem(msgspec.Struct):
    message: str = ""


class _Reply(msgspec.Struct):
    success: bool
    result: list[_Result] | None = None
    errors: list[_Problem] = []


_read = msgspec.json.Decoder(_Reply).decode


class HttpTransport(Transport):
    """A D1 database at an address: of the proxy Worker, or in Cloudflare's API."""

    def __init__(
        self,
        url: str,
        token: Secret,
        *,
        timeout_seconds: float = 30.0,
        connections_max: int = 8,
        client: httpx.AsyncClient | None = None,
    ) -> None:
        self._address = f"{url.rstrip('/')}/raw"
        self._token = token
        self._seconds = timeout_seconds
        self._client = client or httpx.AsyncClient(
            timeout=timeout_seconds,
            limits=httpx.Limits(max_connections=connections_max, max_keepalive_connections=connections_max),
            follow_redirects=False,  # a token goes to one host only
            trust_env=False,
        )

    async def batch(self, statements: Sequence[Sent]) -> Answer:
        """Run statements in one transaction, and return the rows of each."""
        body = _json({"batch": [{"sql": text, "params": values} for text, values in statements]})
        if len(body) > REQUEST_BYTES_MAX:
            raise Refused("SQLITE_TOOBIG")
        try:
            async with asyncio.timeout(self._seconds):
                response, content = await self._post(body)
        except NEVER_SENT:
            raise Unanswered(
                "nobody answers at the address of the D1 database", maybe_written=False
            ) from None
        except TimeoutError:
            raise Unanswered("D1 did not answer in time", maybe_written=True) from None
        except httpx.HTTPError:
            raise Unanswered("the connection to D1 was lost", maybe_written=True) from None
        except RuntimeError:  # so httpx says that it was closed
            if self._client.is_closed:
                raise Unanswered("the store is closed", maybe_written=False, hint="", lasting=True) from None
            raise
        return _answer(response, content, len(statements))

    async def _post(self, body: bytes) -> tuple[httpx.Response, bytes]:
        headers = {"authorization": f"Bearer {self._token.reveal()}", "content-type": "application/json"}
        async with self._client.stream("POST", self._address, content=body, headers=headers) as response:
            parts, size = [], 0
            async for part in response.aiter_bytes():
                parts.append(part)
                size += len(part)
                if size > REPLY_BYTES_MAX:
                    raise Unanswered("D1's answer does not end", maybe_written=True)
            return response, b"".join(parts)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()


def _answer(response: httpx.Response, content: bytes, statements: int) -> Answer:
    status = response.status_code
    if status in (401, 403):
        raise Unanswered(
            "D1 refuses the token", maybe_written=False, hint="Check the token and its rights.", lasting=True
        )
    if status == 404:  # noqa: PLR2004  # as HTTP numbers them
        raise Unanswered(
            "there is no D1 database at this address",
            maybe_written=False,
            hint="Check the url.",
            lasting=True,
        )
    if status == 413:  # noqa: PLR2004
        raise Refused("SQLITE_TOOBIG")
    if status == 429:  # noqa: PLR2004
        raise Unanswered(
            "Cloudflare takes no more requests for now",
            maybe_written=False,
            hint="Use the proxy Worker, which has no such limit.",
            after_seconds=_seconds(response.headers.get("retry-after", "")),
        )
    try:
        reply = _read(content)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Unanswered(
            f"what answers with {status} is no D1 database", maybe_written=True, hint="Check the url."
        ) from None
    if not reply.success or status != httpx.codes.OK:
        raise failure(" ".join(one.message for one in reply.errors))
    results = reply.result or []
    if len(results) != statements:
        raise Unanswered("D1's answer is none to what was asked", maybe_written=True)
    return [one.results.rows for one in results]


def _seconds(retry_after: str) -> float:
    return float(retry_after) if retry_after.isdigit() else 1.0
