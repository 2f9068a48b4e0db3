"""How requests are read and answered: within bounds, in JSON, for one account."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from purchase_sandbox.account.account import Account, refused
from purchase_sandbox.account.refusal import Refusal
from purchase_sandbox.sandbox import Sandbox
from purchase_simulators.wire.keys import Answer

REQUEST_BYTES_MAX = 64 * 1024
TIME_HEADER = "sandbox-time"

Handler: TypeAlias = Callable[[Account, Request, bytes], Answer | Awaitable[Answer]]
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


def for_account(sandbox: Sandbox, handler: Handler) -> Endpoint:
    """An endpoint that runs a handler for the account whose API key the request carries."""

    async def endpoint(request: Request) -> Response:
        try:
            account = _account(sandbox, request)
            body = await bounded_body(request)
            found = handler(account, request, body)
            answer = found if isinstance(found, Answer) else await found
        except Refusal as refusal:
            answer = refused(refusal)
        return json_response(sandbox, answer)

    return endpoint


def json_response(sandbox: Sandbox, answer: Answer) -> Response:
    """An answer, with the provider's time in it."""
    headers = {TIME_HEADER: str(sandbox.clock.now()), "cache-control": "no-store"}
    return Response(answer.body, answer.status, headers, "application/json")


def json_answer(value: object) -> Answer:
    """A value as an answer of status 200."""
    return Answer(200, msgspec.json.encode(value))


async def bounded_body(request: Request) -> bytes:
    """The body, if it is small enough. Raises Refusal (413) as soon as it is not."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > REQUEST_BYTES_MAX:
                raise Refusal(413, "too_large", f"a request has at most {REQUEST_BYTES_MAX} bytes")
    except ClientDisconnect:
        raise Refusal(400, "invalid_request", "the request broke off") from None
    return bytes(body)


async def not_there(request: Request, error: Exception) -> Response:
    """The answer where no route is, or none for the method."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    code = {404: "unknown_path", 405: "unknown_method"}.get(status, "refused")
    answer = refused(Refusal(status, code, "there is nothing here for such a request"))
    return Response(answer.body, answer.status, media_type="application/json")


def _account(sandbox: Sandbox, request: Request) -> Account:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    account = sandbox.account_of(key.strip()) if scheme.lower() == "bearer" else None
    if account is None:
        raise Refusal(401, "unknown_api_key", "send a known API key: Authorization: Bearer <key>")
    return account
