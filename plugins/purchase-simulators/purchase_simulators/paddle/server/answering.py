"""How requests are read and answered: `{data, meta}` for the account whose key they carry.

Source: api-reference/about/authentication, /success-responses, /errors. A missing, malformed or unknown key
is answered with 403, and never with 401.
"""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate
from typing import TypeAlias

import attrs
import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from purchase_core.instants import SECOND
from purchase_simulators.paddle.refusal import Refusal
from purchase_simulators.paddle.shapes import Document
from purchase_simulators.paddle.simulator import Account, PaddleSimulator

REQUEST_BYTES_MAX = 256 * 1024
API_VERSION = "1"


@attrs.frozen
class Call:
    """One request of the API."""

    account: Account
    path: str
    parameters: dict[str, str]
    query: dict[str, str]
    body: bytes = attrs.field(repr=False)
    url: str = ""

    def __getitem__(self, name: str) -> str:
        return self.parameters[name]


@attrs.frozen
class Found:
    """What is answered: one entity, or a page of them (then `pagination` says so)."""

    data: object
    status: int = 200
    pagination: Document | None = None


Handler: TypeAlias = Callable[[Call], Found]


class Answering:
    """Turns handlers into endpoints."""

    def __init__(self, simulator: PaddleSimulator) -> None:
        self._simulator = simulator

    def endpoint(self, handler: Handler) -> Callable[[Request], object]:
        """An endpoint of the API."""

        async def answer(request: Request) -> Response:
            try:
                account = self._account(request)
                now = self._simulator.clock.now()
                account.limits.count(request.url.path, now)
                call = Call(
                    account,
                    request.url.path,
                    {name: str(value) for name, value in request.path_params.items()},
                    dict(request.query_params),
                    await bounded_body(request),
                    str(request.url),
                )
                account.catch_up()
                return self.found(handler(call))
            except Refusal as refusal:
                return self.refused(refusal)

        return answer

    def found(self, found: Found) -> Response:
        """The answer."""
        meta: Document = {"request_id": self._simulator.ids.uuid()}
        if found.pagination is not None:
            meta["pagination"] = found.pagination
        body = b"" if found.status == 204 else msgspec.json.encode({"data": found.data, "meta": meta})  # noqa: PLR2004
        return self._response(body, found.status)

    def refused(self, refusal: Refusal) -> Response:
        """The answer that says no."""
        meta = {"request_id": self._simulator.ids.uuid()}
        body = msgspec.json.encode({"error": refusal.document(), "meta": meta})
        response = self._response(body, refusal.status)
        if refusal.retry_after_seconds is not None:
            response.headers["retry-after"] = str(refusal.retry_after_seconds)
        return response

    async def not_there(self, request: Request, error: Exception) -> Response:
        """The answer where no route is, or none for the method."""
        status = error.status_code if isinstance(error, HTTPException) else 404
        if status == 405:  # noqa: PLR2004
            return self.refused(Refusal(405, "method_not_allowed", "HTTP method is not allowed on this URL."))
        return self.refused(Refusal(404, "invalid_url", "The URL could not be found."))

    def _response(self, body: bytes, status: int) -> Response:
        at = self._simulator.clock.now() // SECOND
        headers = {"date": formatdate(at, usegmt=True), "cache-control": "no-store"}
        return Response(body, status, headers, "application/json" if body else None)

    def _account(self, request: Request) -> Account:
        header = request.headers.get("authorization")
        if not header:
            raise Refusal(403, "authentication_missing", "Authentication header missing")
        scheme, _, key = header.partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Refusal(
                403, "authentication_malformed", "Authentication header included, but incorrectly formatted"
            )
        account = self._simulator.account_of(key.strip())
        if account is None:
            raise Refusal(403, "invalid_token", "The token included is not valid.")
        version = request.headers.get("paddle-version", API_VERSION)
        if version != API_VERSION:
            raise Refusal(400, "bad_request", f"There is no version {version[:8]}")
        return account


async def bounded_body(request: Request) -> bytes:
    """The body, if it is small enough. Raises Refusal as soon as it is not."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > REQUEST_BYTES_MAX:
                raise Refusal(413, "request_body_too_large", "The request body is too large.")
    except ClientDisconnect:
        raise Refusal(400, "bad_request", "the request broke off") from None
    return bytes(body)
