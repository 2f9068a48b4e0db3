"""An account: its book, its API keys' answers, and the one door through which requests change it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from purchase_core.identifiers import IdSource
from purchase_simulators.wire.chaos import Chaos
from purchase_simulators.wire.clock import ProviderClock
from purchase_simulators.wire.deliveries import Deliveries
from purchase_simulators.wire.keys import (
    KEY_CHARACTERS_MAX,
    Answer,
    AnsweredKeys,
    KeyReused,
    KeyTooLong,
    fingerprint,
)

from . import checkout
from .book import MODE, Book
from .objects import Session
from .refusal import INVALID, Refusal, invalid
from .timeline import catch_up

KEY_REUSED = "idempotency_key_reused"
RETRY_SECONDS = (5, 30, 120, 600, 3_600, 21_600, 86_400)
"""How long after each failed try of a webhook the next one follows, on the provider's clock."""


class Account:
    """One merchant's account. Synchronous: between two requests nothing is half done."""

    mode = MODE

    def __init__(self, identifier: str, clock: ProviderClock, ids: IdSource, chaos: Chaos) -> None:
        self.id = identifier
        self.clock = clock
        self.book = Book(identifier, clock, ids)
        self.keys = AnsweredKeys()
        self.deliveries = Deliveries(self.book, clock, ids, chaos, RETRY_SECONDS)

    def catch_up(self) -> None:
        """Let everything happen that is due by now. Called before anything is read or changed."""
        catch_up(self.book)

    def command(self, path: str, body: bytes, key: str, act: Callable[[], object]) -> Answer:
        """Do it, once for a key: repetitions get the first answer again, refusals included.

        Only a request that makes no sense is not remembered.
        """
        self.catch_up()
        asked = fingerprint("POST", path, body)
        if key:
            try:
                known = self.keys.find(key, asked, self.clock.now())
            except KeyTooLong:
                return refused(invalid(f"an idempotency key has at most {KEY_CHARACTERS_MAX} characters"))
            except KeyReused:
                return refused(Refusal(409, KEY_REUSED, "the key was used before, for another request"))
            if known is not None:
                return known
        try:
            answer = Answer(200, msgspec.json.encode(act()))
        except Refusal as refusal:
            if refusal.code == INVALID:
                return refused(
                    refusal
                )  # nothing was tried: the key stays free for a request that makes sense
            answer = refused(refusal)
        if key:
            self.keys.keep(key, asked, answer, self.clock.now())
        return answer

    def has_session(self, identifier: str) -> bool:
        """Whether a checkout session is one of this account."""
        return self.book.has(Session, identifier)

    def pay(self, session: str, card: str, *, authenticated: bool = False, code: str = "") -> Session:
        """What the hosted page does when the buyer pays. Raises Refusal."""
        self.catch_up()
        return checkout.pay(self.book, session, card, authenticated=authenticated, code=code)


def refused(refusal: Refusal) -> Answer:
    """The answer to a request that was refused."""
    body = {"error": {"code": refusal.code, "message": refusal.message}}
    return Answer(refusal.status, msgspec.json.encode(body))
