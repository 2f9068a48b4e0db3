"""Calls to Stripe by its SDK: a deadline for each, reads tried again, writes never, errors by one table."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from email.utils import parsedate_to_datetime
from typing import TypeAlias, TypeVar

import attrs
import msgspec
import stripe

from purchase_core.errors import MalformedBody, ProviderRefused
from purchase_core.instants import SECOND, Clock, Instant, instant
from purchase_core.ports.provider import Pause, calling, read_patiently, reading
from purchase_core.secret import Secret

from . import documents, errors
from .config import API_VERSION, StripeConfig
from .transport import BoundedClient

Make: TypeAlias = Callable[[stripe.StripeClient], Awaitable[stripe.StripeObject]]

D = TypeVar("D", bound=msgspec.Struct)


@attrs.frozen
class Answer:
    """A body, and since when its state holds at the latest: Stripe's time, less the call's duration."""

    body: bytes = attrs.field(repr=False)
    as_of: Instant


class StripeCalls:
    """Stripe's API for one connection. Raises only errors of ProviderError's branch."""

    def __init__(
        self, config: StripeConfig, api_key: Secret, clock: Clock, *, pause: Pause = asyncio.sleep
    ) -> None:
        self._config = config
        self._clock = clock
        self._pause = pause
        self._http = BoundedClient(connect_seconds=config.connect_seconds, call_seconds=config.call_seconds)
        self._stripe = stripe.StripeClient(
            api_key.reveal(),
            base_addresses={"api": config.base_url},
            http_client=self._http,
            max_network_retries=0,
            stripe_version=API_VERSION,
        )
        _keep_bodies_out_of_logs()

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._http.close_async()

    async def write(self, operation: str, make: Make, kind: type[D]) -> tuple[D, Instant]:
        """Do something, once. What it answers, and as of when."""
        answer = await self._within(operation, self._once(operation, make, write=True), write=True)
        return self._document(operation, answer, kind, write=True), answer.as_of

    async def raw(self, operation: str, make: Make) -> Answer:
        """Look something up. Tried again where that may help: a read changes nothing."""
        return await self._within(operation, self._read(operation, make), write=False)

    async def read(self, operation: str, make: Make, kind: type[D]) -> D:
        """Look something up, and read it."""
        return self._document(operation, await self.raw(operation, make), kind, write=False)

    async def page(self, operation: str, make: Make) -> tuple[documents.Page, Instant]:
        """A page of a list, with its rows left as bytes."""
        answer = await self.raw(operation, make)
        try:
            return reading.read_raw(answer.body, documents.Page), answer.as_of
        except MalformedBody as error:
            raise calling.unclear(operation, error.message, write=False) from None

    async def found(self, operation: str, make: Make, kind: type[D]) -> D | None:
        """Look something up that may not be there."""
        try:
            return await self.read(operation, make, kind)
        except ProviderRefused as error:
            if error.provider_code == "resource_missing":
                return None
            raise

    async def _within(self, operation: str, call: Awaitable[Answer], *, write: bool) -> Answer:
        return await calling.within(call, seconds=self._config.call_seconds, operation=operation, write=write)

    async def _read(self, operation: str, make: Make) -> Answer:
        return await read_patiently(
            lambda: self._once(operation, make, write=False),
            seed=f"{operation}:{self._clock.now()}",
            pause=self._pause,
        )

    async def _once(self, operation: str, make: Make, *, write: bool) -> Answer:
        started = self._clock.now()
        try:
            made = await make(self._stripe)
        except stripe.StripeError as error:
            problem = errors.of_stripe(operation, error, write=write)
        except (ValueError, TypeError, AttributeError):  # the SDK makes nothing of some JSON
            problem = calling.unclear(operation, "an answer that makes no sense", write=write)
        else:
            response = getattr(made, "last_response", None)  # JSON that is no object is handed on as it is
            if response is None:
                raise calling.unclear(operation, "no answer", write=write)
            return Answer(response.body.encode(), self._as_of(response.headers.get("date", ""), started))
        raise problem from None  # the SDK's errors hold bodies, and parts of keys

    def _as_of(self, date: str, started: Instant) -> Instant:
        now = self._clock.now()
        try:
            answered = instant(parsedate_to_datetime(date))
        except (ValueError, TypeError):
            answered = now
        return Instant(max((answered - max(now - started, 0)) // SECOND * SECOND, 0))

    def _document(self, operation: str, answer: Answer, kind: type[D], *, write: bool) -> D:
        try:
            return reading.read(answer.body, kind)
        except MalformedBody as error:
            raise calling.unclear(operation, error.message, write=write) from None


def as_key(key: str, part: str = "") -> str:
    """An idempotency key of Stripe's for ours, or for a part of what is done under it."""
    return calling.header_key(f"{key}:{part}" if part else key)


def _keep_bodies_out_of_logs() -> None:
    # At level DEBUG the SDK logs forms and answers, which hold e-mail addresses and secrets of endpoints.
    logger = logging.getLogger("stripe")
    if _without_bodies not in logger.filters:
        logger.addFilter(_without_bodies)


def _without_bodies(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG
