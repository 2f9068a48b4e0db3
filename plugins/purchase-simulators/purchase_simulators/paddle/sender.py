"""Sends notifications over HTTP: signed, in order, each destination for itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import httpx

from .notifications import body_of
from .shapes import Document
from .signature import signed_headers
from .simulator import Account, PaddleSimulator

ANSWER_SECONDS_MAX = 5.0
ANSWER_CHARACTERS_MAX = 1_000
SENDINGS_MAX = 10_000
USER_AGENT = "Paddle"

Notice: TypeAlias = Callable[[Document, int, str], Awaitable[None]]
"""Hears of a notification that was tried, the status of the answer (0: none), and what was wrong."""


class NotificationSender:
    """Sends what is due in all accounts, whenever it is told to. `notice` hears of every try."""

    def __init__(
        self,
        simulator: PaddleSimulator,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        notice: Notice | None = None,
    ) -> None:
        self._simulator = simulator
        self._notice = notice
        self._http = httpx.AsyncClient(
            transport=transport, timeout=ANSWER_SECONDS_MAX, follow_redirects=False, trust_env=False
        )

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._http.aclose()

    async def send_due(self) -> int:
        """Send all that is due by now, and return how many tries that took."""
        self._simulator.catch_up()
        ways: dict[tuple[str, str], list[tuple[Document, Document]]] = {}
        for account in self._simulator.accounts.values():
            for document, setting in account.notifications.due(self._simulator.clock.now())[:SENDINGS_MAX]:
                if setting["type"] == "url":
                    ways.setdefault((account.id, setting["id"]), []).append((document, setting))
        async with asyncio.TaskGroup() as group:
            for (account_id, _), way in ways.items():
                group.create_task(self._send_all(self._simulator.accounts[account_id], way))
        return sum(map(len, ways.values()))

    async def _send_all(self, account: Account, way: list[tuple[Document, Document]]) -> None:
        for document, setting in way:
            status, kind, answer = await self._send(document, setting)
            account.notifications.tried(document, status, kind, answer)
            if self._notice:
                await self._notice(document, status, "" if status else answer)

    async def _send(self, document: Document, setting: Document) -> tuple[int, str, str]:
        body = body_of(document)
        at = self._simulator.signing_clock.now()
        headers = [
            ("content-type", "application/json"),
            ("user-agent", USER_AGENT),
            *signed_headers(body, at=at, secrets=[setting["endpoint_secret_key"]]),
        ]
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                answer = await self._http.post(setting["destination"], content=body, headers=headers)
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return 0, "", type(error).__name__
        kind = answer.headers.get("content-type", "")
        return answer.status_code, kind, answer.text[:ANSWER_CHARACTERS_MAX]
