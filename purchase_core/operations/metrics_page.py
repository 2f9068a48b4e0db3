"""The metrics page: a plain ASGI app that answers whoever has the token, and nobody else."""

from __future__ import annotations

import hmac

from purchase_core.errors import PurchaseError
from purchase_core.operations.exposition import OPENMETRICS, PROMETHEUS, exposition
from purchase_core.operations.metrics import Metrics
from purchase_core.ports.provider.pages import Receive, Scope, Send
from purchase_core.secret import Secret

PLAIN = "text/plain; charset=utf-8"


class MetricsPage:
    """`GET` with `Authorization: Bearer TOKEN`. 401 without it, 503 where the database does not answer."""

    def __init__(self, metrics: Metrics, token: Secret) -> None:
        self._metrics = metrics
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        del receive  # a body would not be read
        status, kind, text = await self._answer(scope)
        body = text.encode()
        headers = [
            (b"content-type", kind.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            *([(b"www-authenticate", b"Bearer")] if status == 401 else []),  # noqa: PLR2004  # as HTTP has it
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(self, scope: Scope) -> tuple[int, str, str]:
        headers = {bytes(name).lower(): bytes(value) for name, value in scope["headers"]}
        told = headers.get(b"authorization", b"")
        if not hmac.compare_digest(told, f"Bearer {self._token.reveal()}".encode()):
            return 401, PLAIN, "a token is needed\n"
        if scope["method"] not in ("GET", "HEAD"):
            return 405, PLAIN, "metrics are read\n"
        openmetrics = b"application/openmetrics-text" in headers.get(b"accept", b"")
        try:
            samples = await self._metrics.read()
        except PurchaseError as error:
            return 503, PLAIN, f"{error.code}\n"
        return 200, OPENMETRICS if openmetrics else PROMETHEUS, exposition(samples, openmetrics=openmetrics)
