"""Readiness: a plain ASGI app that says whether this process can do its work, and nothing else."""

from __future__ import annotations

from purchase_core.errors import PurchaseError
from purchase_core.instants import SECOND, Clock, Instant
from purchase_core.ports.provider.pages import Receive, Scope, Send
from purchase_core.ports.store import Store

ASKED_AGAIN_SECONDS = 1  # however often a page is asked for, the database is not asked more often


class ReadyPage:
    """200 while the database answers and has this code's tables; else 503."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._ready = False
        self._until = Instant(0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        del receive  # a body would not be read
        ready = scope["method"] in ("GET", "HEAD") and await self._look()
        body = b"" if scope["method"] == "HEAD" else b"ready\n" if ready else b"not ready\n"
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": 200 if ready else 503, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _look(self) -> bool:
        now = self._clock.now()
        if now >= self._until:
            # Whoever asks meanwhile is told what was true before.
            self._until = Instant(now + ASKED_AGAIN_SECONDS * SECOND)
            try:
                self._ready = (await self._store.schema()).current
            except PurchaseError:
                self._ready = False
        return self._ready
