"""An account: its book, API keys' answers, webhooks, and the one door through which calls change it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from purchase_core.identifiers import IdSource
from purchase_core.instants import SECOND, Instant
from purchase_simulators.wire.chaos import Chaos
from purchase_simulators.wire.clock import ProviderClock
from purchase_simulators.wire.deliveries import Deliveries
from purchase_simulators.wire.keys import KEY_CHARACTERS_MAX, Answer, AnsweredKeys, KeyReused, KeyTooLong

from .book import Book, Cause
from .ids import StripeIds
from .refusal import IDEMPOTENCY, RATE_LIMIT, Refusal, invalid

RETRY_SECONDS = (60, 3_600, 10_800)
"""A sandbox tries three times more over a few hours: https://docs.stripe.com/webhooks#automatic-retries."""


class Account:
    """One merchant's account. Synchronous: between two calls nothing is half done."""

    def __init__(
        self,
        identifier: str,
        clock: ProviderClock,
        ids: IdSource,
        chaos: Chaos,
        advance: Callable[[int], object],
    ) -> None:
        self.id = identifier
        self.clock = clock
        self.book = Book(clock, StripeIds(ids))
        self.keys = AnsweredKeys()
        self.deliveries = Deliveries(self.book, clock, ids, chaos, RETRY_SECONDS)
        self.book.listening = self._listening
        self.requests_per_second = 0  # no limit; Stripe's is 100, and 25 in a sandbox
        self._called: deque[Instant] = deque()
        self._advance = advance

    def catch_up(self) -> None:
        """Let everything happen that is due by now. Called before anything is read or changed."""
        self.book.catch_up()

    def advance_to(self, seconds: int) -> None:
        """Let time pass, in all accounts, up to this second."""
        self._advance(max(seconds * SECOND - self.clock.now(), 0))

    def count_call(self) -> None:
        """Raises Refusal (429) beyond so many requests a second: https://docs.stripe.com/rate-limits."""
        if not self.requests_per_second:
            return
        now = self.clock.now()
        while self._called and self._called[0] <= now - SECOND:
            self._called.popleft()
        if len(self._called) >= self.requests_per_second:
            raise too_many()
        self._called.append(now)

    def write(
        self, request: str, key: str, fingerprint: bytes, act: Callable[[], bytes]
    ) -> tuple[Answer, bool]:
        """Do it, once for a key; and whether the answer is one that was given before.

        Repetitions get the first answer again, refusals and errors included. What fails validation is not
        remembered: https://docs.stripe.com/api/idempotent_requests.
        """
        self.catch_up()
        known = self._known(key, fingerprint) if key else None
        if known is not None:
            return known, True
        self.book.cause = Cause(request, key or None)
        try:
            with self.book.attempt():
                answer = Answer(200, act())
        except Refusal as refusal:
            answer = Answer(refusal.status, refusal.body(request))
            if refusal.code.startswith("parameter_"):
                return answer, False
        finally:
            self.book.cause = Cause()
        if key:
            self.keys.keep(key, fingerprint, answer, self.clock.now())
        return answer, False

    def _known(self, key: str, fingerprint: bytes) -> Answer | None:
        try:
            return self.keys.find(key, fingerprint, self.clock.now())
        except KeyTooLong:
            raise invalid(f"Idempotency keys have up to {KEY_CHARACTERS_MAX} characters.") from None
        except KeyReused:
            raise Refusal(
                400,
                "Keys for idempotent requests can only be used with the same parameters they were first used "
                "with. Try using a key other than the given one if you meant to execute a different request.",
                kind=IDEMPOTENCY,
            ) from None

    def _listening(self, event_type: str) -> int:
        return sum(1 for one in self.deliveries.endpoints if one.wants(event_type))


def too_many() -> Refusal:
    """How Stripe says that it was called too often."""
    return Refusal(429, "Too many requests hit the API too quickly.", kind=RATE_LIMIT, code="rate_limit")
