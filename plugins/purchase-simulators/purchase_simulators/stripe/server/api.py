"""The API, `/v1/…`: forms in, JSON out, for the account whose key a request carries."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping
from email.utils import formatdate

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from purchase_core.instants import SECOND
from purchase_simulators.stripe import (
    catalog,
    checkout,
    crediting,
    customers,
    discounts,
    disputing,
    endpoints,
    invoicing,
    pausing,
    payments,
    portal,
    refunds,
    schedules,
    subscriptions,
)
from purchase_simulators.stripe.account import Account
from purchase_simulators.stripe.call import Call, Handler
from purchase_simulators.stripe.forms import Params as Bare
from purchase_simulators.stripe.forms import decode, read
from purchase_simulators.stripe.refusal import Refusal, invalid
from purchase_simulators.stripe.simulator import StripeSimulator
from purchase_simulators.stripe.versions import API_VERSION
from purchase_simulators.wire.keys import Answer, fingerprint

from .rendering import rendered

REQUEST_BYTES_MAX = 256 * 1024
FORM = "application/x-www-form-urlencoded"
_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(\.[a-z]{1,20})?")

MODULES = (
    catalog,
    checkout,
    crediting,
    customers,
    discounts,
    disputing,
    endpoints,
    invoicing,
    payments,
    pausing,
    portal,
    refunds,
    schedules,
    subscriptions,
)


def api_routes(simulator: StripeSimulator) -> list[Route]:
    """Everything under /v1."""
    table: dict[str, dict[str, Handler]] = {}
    for module in MODULES:
        for method, path, handler in module.ROUTES:
            table.setdefault(path, {})[method] = handler
    table["/v1/account"] = {"GET": _account}
    # Literal paths come before those that begin alike and end in an identifier.
    ordered = sorted(table, key=lambda path: (path.count("{"), path))
    routes = [Route(path, Api(simulator, table[path]), methods=list(table[path])) for path in ordered]
    every = ["GET", "POST", "DELETE", "PUT", "PATCH"]
    return [*routes, Route("/v1/{rest:path}", Api(simulator, {}), methods=every)]


class Api:
    """Answers one path."""

    def __init__(self, simulator: StripeSimulator, handlers: Mapping[str, Handler]) -> None:
        self._simulator = simulator
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As an ASGI application, so that all methods of a path come here."""
        response = await self._respond(Request(scope, receive))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        identifier = self._simulator.request_id()
        key = request.headers.get("idempotency-key", "")
        replayed = False
        try:
            account = self._simulator.account_of(api_key_of(request))
            account.count_call()
            _check_version(request)
            body = await _form_of(request)
            answer, replayed = self._answer(account, request, body, identifier, key)
        except Refusal as refusal:
            return self._response(refusal.status, refusal.body(identifier), identifier, key)
        return self._response(answer.status, answer.body, identifier, key, replayed=replayed)

    def _answer(
        self, account: Account, request: Request, body: bytes, identifier: str, key: str
    ) -> tuple[Answer, bool]:
        handler = self._handlers.get(request.method)
        if handler is None:
            where = f"{request.method}: {request.url.path}"
            raise Refusal(404, f"Unrecognized request URL ({where}). Please see https://stripe.com/docs.")
        path = dict(request.path_params)

        def act() -> bytes:
            text = body.decode("utf-8", "surrogateescape") if request.method == "POST" else request.url.query
            call = Call(account, path, decode(text), self._simulator.base_url)
            asked = read({"expand": call.form.get("expand") or []}, Bare).expand
            return rendered(account.book, handler(call), request.url.path, asked)

        # GET and DELETE are idempotent by nature: a key does nothing there.
        write_key = key if request.method == "POST" else ""
        return account.write(identifier, write_key, fingerprint(request.method, request.url.path, body), act)

    def _response(
        self, status: int, body: bytes, identifier: str, key: str, *, replayed: bool = False
    ) -> Response:
        seconds = self._simulator.clock.now() // SECOND
        headers = {
            "cache-control": "no-cache, no-store",
            "date": formatdate(seconds, usegmt=True),
            "request-id": identifier,
            "stripe-version": API_VERSION,
        }
        if key:
            headers["idempotency-key"] = key
        if replayed:
            headers["idempotent-replayed"] = "true"
        return Response(body, status, headers, "application/json")


def _account(call: Call) -> dict[str, object]:
    return {
        "id": call.account.id,
        "object": "account",
        "charges_enabled": True,
        "country": "US",
        "default_currency": "usd",
        "details_submitted": True,
        "email": "merchant@example.com",
        "payouts_enabled": True,
        "type": "standard",
    }


def api_key_of(request: Request) -> str:
    """The API key that a request carries. Raises Refusal."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            value = b64decode(value, validate=True).decode().partition(":")[0]
        except ValueError:
            value = ""
    if not value or scheme.lower() not in ("basic", "bearer"):
        raise Refusal(
            401,
            "You did not provide an API key. You need to provide your API key in the Authorization header, "
            "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
        )
    return value.strip()


def _check_version(request: Request) -> None:
    version = request.headers.get("stripe-version", API_VERSION)
    if not _VERSION.fullmatch(version):
        raise invalid(f"Invalid Stripe API version: {version[:40]}")
    if version != API_VERSION:
        raise invalid(f"The simulator speaks the API version {API_VERSION}, and not {version}.")
    account = request.headers.get("stripe-account", "")
    if account:
        raise Refusal(
            403,
            f"The provided key does not have access to account '{account[:40]}' (or that "
            "account does not exist). Application access may have been revoked.",
            code="account_invalid",
        )


async def body_of(request: Request) -> bytes:
    """The body, if it is small enough. Raises Refusal as soon as it is not."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > REQUEST_BYTES_MAX:
                raise Refusal(413, f"A request has at most {REQUEST_BYTES_MAX} bytes.")
    except ClientDisconnect:
        raise invalid("The request broke off.") from None
    return bytes(body)


async def _form_of(request: Request) -> bytes:
    body = await body_of(request)
    media_type = request.headers.get("content-type", FORM).partition(";")[0].strip()
    if body and media_type != FORM:
        raise invalid(f"Invalid request (check that your POST content type is {FORM}).")
    return body
