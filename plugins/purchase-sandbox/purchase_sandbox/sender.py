"""Sends webhooks over HTTP: signed, in order, each endpoint for itself, and no further than its address."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import httpx

from .account.account import Account
from .deliveries import SUCCESS, Attempt, Delivery, Endpoint
from .sandbox import Sandbox
from .signature import signed_headers

ANSWER_SECONDS_MAX = 10.0
SENDINGS_MAX = 10_000  # of one round; what is left over is due in the next
USER_AGENT = "purchase-sandbox"

Notice: TypeAlias = Callable[[Delivery, Endpoint, Attempt], Awaitable[None]]


class WebhookSender:
    """Sends what is due in all accounts of a sandbox, whenever it is told to. `notice` hears of every try."""

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        notice: Notice | None = None,
    ) -> None:
        self._sandbox = sandbox
        self._notice = notice
        self._http = httpx.AsyncClient(
            transport=transport, timeout=ANSWER_SECONDS_MAX, follow_redirects=False, trust_env=False
        )

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._http.aclose()

    async def send_due(self) -> int:
        """Send all that is due by now, and return how many tries that took.

        Deliveries to one endpoint go one after another, so that they arrive in order; endpoints do not wait
        for each other.
        """
        self._sandbox.catch_up()
        ways: dict[tuple[str, str], list[tuple[Delivery, Endpoint]]] = {}
        for account in self._sandbox.accounts.values():
            account.deliveries.plan()
            for delivery, endpoint in account.deliveries.due(self._sandbox.clock.now())[:SENDINGS_MAX]:
                ways.setdefault((account.id, endpoint.id), []).append((delivery, endpoint))
        async with asyncio.TaskGroup() as group:
            for (account_id, _), way in ways.items():
                group.create_task(self._send_all(self._sandbox.accounts[account_id], way))
        return sum(map(len, ways.values()))

    async def _send_all(self, account: Account, way: list[tuple[Delivery, Endpoint]]) -> None:
        for delivery, endpoint in way:
            attempt = await self._send(delivery, endpoint)
            after = account.deliveries.tried(delivery, attempt)
            if self._notice:
                await self._notice(after, endpoint, attempt)

    async def _send(self, delivery: Delivery, endpoint: Endpoint) -> Attempt:
        at = self._sandbox.clock.now()
        signed = signed_headers(delivery.body, at=self._sandbox.signing_clock.now(), secrets=endpoint.secrets)
        headers = [("content-type", "application/json"), ("user-agent", USER_AGENT), *signed]
        try:
            async with (
                asyncio.timeout(ANSWER_SECONDS_MAX),
                # Whatever the answer says beyond its status is not read.
                self._http.stream("POST", endpoint.url, content=delivery.body, headers=headers) as response,
            ):
                problem = "" if response.status_code in SUCCESS else "not accepted"
                return Attempt(at, response.status_code, problem)
        except TimeoutError:
            return Attempt(at, 0, f"no answer within {ANSWER_SECONDS_MAX:.0f} seconds")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return Attempt(at, 0, type(error).__name__)
