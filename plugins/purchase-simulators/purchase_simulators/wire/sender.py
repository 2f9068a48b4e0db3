"""Sends webhooks over HTTP: signed, in order, each endpoint for itself, and no further than its address."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import httpx

from .deliveries import SUCCESS, Attempt, Deliveries, Delivery, Endpoint
from .simulation import Simulation

ANSWER_SECONDS_MAX = 10.0
SENDINGS_MAX = 10_000  # of one round; what is left over is due in the next

Notice: TypeAlias = Callable[[Delivery, Endpoint, Attempt], Awaitable[None]]


class WebhookSender:
    """Sends what is due in all accounts, whenever it is told to. `notice` hears of every try."""

    def __init__(
        self,
        simulation: Simulation,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        notice: Notice | None = None,
    ) -> None:
        self._simulation = simulation
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
        self._simulation.catch_up()
        sent = 0
        async with asyncio.TaskGroup() as group:
            for deliveries in self._simulation.outgoing():
                deliveries.plan()
                ways: dict[str, list[tuple[Delivery, Endpoint]]] = {}
                for delivery, endpoint in deliveries.due(self._simulation.clock.now())[:SENDINGS_MAX]:
                    ways.setdefault(endpoint.id, []).append((delivery, endpoint))
                    sent += 1
                for way in ways.values():
                    group.create_task(self._send_all(deliveries, way))
        return sent

    async def _send_all(self, deliveries: Deliveries, way: list[tuple[Delivery, Endpoint]]) -> None:
        for delivery, endpoint in way:
            attempt = await self._send(delivery, endpoint)
            after = deliveries.tried(delivery, attempt)
            if self._notice:
                await self._notice(after, endpoint, attempt)

    async def _send(self, delivery: Delivery, endpoint: Endpoint) -> Attempt:
        at = self._simulation.clock.now()
        signed = self._simulation.sign(
            delivery.body, at=self._simulation.signing_clock.now(), secrets=endpoint.secrets
        )
        headers = [
            ("content-type", "application/json; charset=utf-8"),
            ("user-agent", self._simulation.user_agent),
            *signed,
        ]
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
