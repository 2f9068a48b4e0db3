"""Credits of a customer: granted, consumed, reserved, adjusted; never more than there are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from purchase_core.errors import InvalidArgument
from purchase_core.facts.bodies import CreditsGranted
from purchase_core.facts.fact import decided
from purchase_core.identifiers import IdSource
from purchase_core.instants import Clock, Instant, instant
from purchase_core.ledger.decision import Answer, Request
from purchase_core.ledger.granting import Give
from purchase_core.ledger.spending import End, Take
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.projection.work import Work
from purchase_core.reads.wallets import Verification, Wallet, Wallets
from purchase_core.records.lane import customer_of
from purchase_core.records.movement import Movement
from purchase_core.text import identifier
from purchase_core.workflows.requests import Requests, checked_amount, request_of

TIMEOUT_SECONDS = 15 * 60
TIMEOUT_SECONDS_MAX = 7 * 86_400


class Credits:
    """What an application does with its customers' credits.

    Every call has an idempotency key: the same key and the same request is told the same, whatever has
    happened since; the same key and another request is refused (IdempotencyConflict). What was refused left
    nothing, and may succeed when it is asked for again.
    """

    def __init__(self, wallets: Wallets, requests: Requests, clock: Clock, ids: IdSource) -> None:
        self._wallets = wallets
        self._requests = requests
        self._clock = clock
        self._ids = ids

    async def wallet(self, customer: str, unit: str, *, at: datetime | None = None) -> Wallet:
        """What the customer can spend of a unit: now, or at another instant as far as is known now."""
        return await self._wallets.wallet(customer, unit, at=at)

    async def history(
        self, customer: str, *, unit: str = "", after: int = 0, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[Movement]:
        """The journal behind a position, in order; of one unit, or of all ("")."""
        return await self._wallets.history(customer, unit=unit, after=after, limit=limit)

    async def verify(self, customer: str) -> Verification:
        """Whether the journal is whole, and everything else follows from it."""
        return await self._wallets.verify(customer)

    async def grant(
        self,
        customer: str,
        unit: str,
        amount: int,
        *,
        idempotency_key: str,
        expires_at: datetime | None = None,
        reason: str = "",
    ) -> Answer:
        """Give credits that nobody pays for. Raises InvalidArgument and IdempotencyConflict."""
        ends = None if expires_at is None else instant(expires_at)
        request = request_of("grant", customer, unit, amount, idempotency_key, ends, reason, reason=reason)
        return await self._give(request, ends)

    async def consume(
        self, customer: str, unit: str, amount: int, *, idempotency_key: str, reason: str = ""
    ) -> Answer:
        """Spend credits, what expires first before the rest.

        Raises ExceedsBalance if there are fewer, and then spends none; IdempotencyConflict.
        """
        request = request_of("consume", customer, unit, amount, idempotency_key, reason, reason=reason)
        return await self._requests.run(request, lambda: _deciding(Take(request)))

    async def reserve(
        self,
        customer: str,
        unit: str,
        amount: int,
        *,
        idempotency_key: str,
        timeout_seconds: int = TIMEOUT_SECONDS,
    ) -> Answer:
        """Hold credits for some time; the answer's `movement` names the reservation.

        `settle` spends them, `release` lets them go; after the timeout they are let go by themselves. Raises
        ExceedsBalance, IdempotencyConflict, and WrongState where too many reservations are open.
        """
        if type(timeout_seconds) is not int or not 1 <= timeout_seconds <= TIMEOUT_SECONDS_MAX:
            raise InvalidArgument(f"timeout_seconds must be a whole number, 1 to {TIMEOUT_SECONDS_MAX:,}")
        request = request_of("reserve", customer, unit, amount, idempotency_key, timeout_seconds)
        return await self._requests.run(request, lambda: _deciding(Take(request, timeout_seconds)))

    async def settle(
        self, customer: str, reservation: str, amount: int | None = None, *, idempotency_key: str
    ) -> Answer:
        """Spend what was reserved, or so much of it (`amount`), and let the rest go.

        Raises WrongState if it holds nothing any more, ExceedsBalance if it holds less, IdempotencyConflict.
        """
        spent = None if amount is None else checked_amount(amount, least=0)
        return await self._end("settle", customer, reservation, spent, idempotency_key)

    async def release(self, customer: str, reservation: str, *, idempotency_key: str) -> Answer:
        """Let go of what was reserved. Raises WrongState if it holds nothing any more."""
        return await self._end("release", customer, reservation, 0, idempotency_key)

    async def adjust(
        self, customer: str, unit: str, amount: int, *, reason: str, idempotency_key: str
    ) -> Answer:
        """Put a wallet right by hand: credits more (they never expire), or fewer (`amount` below zero).

        Raises InvalidArgument without a reason, ExceedsBalance if there are not so many to take.
        """
        if not reason or not reason.strip():
            raise InvalidArgument("an adjustment needs a reason")
        if type(amount) is not int or amount == 0:
            raise InvalidArgument("amount must be a whole number, and not 0")
        request = request_of(
            "adjust", customer, unit, abs(amount), idempotency_key, amount, reason, reason=reason
        )
        if amount > 0:
            return await self._give(request, None)
        return await self._requests.run(request, lambda: _deciding(Take(request)))

    async def _give(self, request: Request, ends: Instant | None) -> Answer:
        def work() -> Work:
            given = CreditsGranted(
                self._ids.new("grant"), customer_of(request.lane), request.unit, request.amount, ends
            )
            fact = decided(self._clock.now(), given)
            return Work((fact,), lanes=(request.lane,), decision=Give(request, fact.object))

        return await self._requests.run(request, work)

    async def _end(
        self, kind: str, customer: str, reservation: str, spent: int | None, idempotency_key: str
    ) -> Answer:
        identifier("reservation", reservation, characters_max=300)
        request = request_of(kind, customer, "", 1, idempotency_key, reservation, spent)
        return await self._requests.run(request, lambda: _deciding(End(request, reservation, spent)))


def _deciding(decision: Take | End) -> Work:
    return Work(lanes=(decision.request.lane,), decision=decision)
