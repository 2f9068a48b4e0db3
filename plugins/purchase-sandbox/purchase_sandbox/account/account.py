"""An account: its book, its API keys' answers, and the one door through which requests change it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from purchase_core.identifiers import IdSource
from purchase_sandbox.chaos import Chaos
from purchase_sandbox.clock import ProviderClock
from purchase_sandbox.deliveries import Deliveries

from . import checkout
from .book import MODE, Book
from .keys import Answer, AnsweredKeys, fingerprint
from .objects import Session, Thing
from .refusal import INVALID, Refusal
from .timeline import catch_up


class Account:
    """One merchant's account. Synchronous: between two requests nothing is half done."""

    mode = MODE

    def __init__(self, identifier: str, clock: ProviderClock, ids: IdSource, chaos: Chaos) -> None:
        self.id = identifier
        self.clock = clock
        self.book = Book(identifier, clock, ids)
        self.keys = AnsweredKeys()
        self.deliveries = Deliveries(self.book, ids, chaos)

    def catch_up(self) -> None:
        """Let everything happen that is due by now. Called before anything is read or changed."""
        catch_up(self.book)

    def command(self, path: str, body: bytes, key: str, act: Callable[[], Thing]) -> Answer:
        """Do it, once for a key: repetitions get the first answer again, refusals included.

        Only a request that makes no sense is not remembered.
        """
        self.catch_up()
        asked = fingerprint("POST", path, body)
        if key:
            try:
                known = self.keys.find(key, asked, self.clock.now())
            except Refusal as refusal:
                return refused(refusal)
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

    def pay(self, session: str, card: str, *, authenticated: bool = False) -> Session:
        """What the hosted page does when the buyer pays. Raises Refusal."""
        self.catch_up()
        return checkout.pay(self.book, session, card, authenticated=authenticated)


def refused(refusal: Refusal) -> Answer:
    """The answer to a request that was refused."""
    body = {"error": {"code": refusal.code, "message": refusal.message}}
    return Answer(refusal.status, msgspec.json.encode(body))
