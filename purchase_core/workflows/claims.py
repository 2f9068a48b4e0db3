"""Claims: what a guest bought becomes a customer's, once they hold the token that came with the checkout.

The token names the checkout and its own end, and is signed with a secret of the application. Nothing else
ties a purchase to a customer: neither an e-mail address nor the provider's customer.
"""

from __future__ import annotations

import base64
import hmac
from binascii import Error
from hashlib import sha256

from purchase_core.errors import ConfigurationError, InvalidArgument, NotFound, WrongState
from purchase_core.facts.fact import intent_key, object_key
from purchase_core.facts.rows import InvoiceRow, SubscriptionRow
from purchase_core.instants import SECOND, Clock, Instant
from purchase_core.ports.store import Question, Store
from purchase_core.projection.owner import lane_of
from purchase_core.projection.recorder import Recorder
from purchase_core.projection.tables import rows_of_lane
from purchase_core.projection.work import Work
from purchase_core.records.lane import guest_lane
from purchase_core.records.reference import Reference
from purchase_core.secret import Secret

VALID_SECONDS = 90 * 86_400
TOKEN_CHARACTERS_MAX = 512
PURPOSE = b"purchase-claim-1:"  # a signature of another purpose is none of this one


class Claims:
    """Makes and honours tokens. Without a secret there are no guests."""

    def __init__(self, store: Store, recorder: Recorder, clock: Clock, secret: Secret | None) -> None:
        self._store = store
        self._recorder = recorder
        self._clock = clock
        self._secret = secret

    def must_be_possible(self) -> Secret:
        """The secret. Raises ConfigurationError if there is none."""
        if self._secret is None:
            raise ConfigurationError(
                "guests can claim nothing: no secret signs their tokens",
                hint='Write claim_secret = "env:NAME" at the top of the configuration.',
            )
        return self._secret

    def token(self, intent: str) -> str:
        """The token of a checkout, good for so long from now."""
        ends = self._clock.now() // SECOND + VALID_SECONDS
        message = f"{intent}:{ends}".encode()
        return _text(message) + "." + _text(self._signature(message))

    async def claim(self, token: str, customer: str) -> None:
        """Tie the checkout of a token to a customer, and with it the provider's customer that bought it."""
        mine = await lane_of(self._store, customer)
        intent = self._read(token)
        guests = guest_lane(intent_key(intent))
        known = await self._store.lane(guests)
        if not known.version:
            raise NotFound("there is no checkout of this token")
        if not known.linked_to:
            work = Work(claimed=guests, claimer=mine)
            await self._recorder.record(work, cause="claim", addition=lambda batch: batch)
            known, mine = await self._store.lane(guests), await lane_of(self._store, customer)
        if known.linked_to != mine:
            raise WrongState("somebody else has claimed this checkout")
        await self._link(mine, intent)

    async def _link(self, lane: str, intent: str) -> None:
        """What the provider's customer buys next is this customer's, unless they are somebody's already."""
        rows: list[SubscriptionRow | InvoiceRow] = [
            *await rows_of_lane(self._store, SubscriptionRow, lane),
            *await rows_of_lane(self._store, InvoiceRow, lane),
        ]
        bought = {
            object_key("customer", row.connection, row.provider_customer)
            for row in rows
            if row.intent == intent and row.provider_customer
        }
        for key in sorted(bought):
            if not await self._owned(key):
                await self._recorder.link(Reference(key, lane), cause="claim")

    async def _owned(self, key: str) -> bool:
        view = await self._store.look(Question(objects=(key,)))
        return key in view.references

    def _read(self, token: str) -> str:
        """The intent of a token. Raises InvalidArgument, which tells nothing of why."""
        refused = InvalidArgument("this is no token of a checkout, or it is too old")
        if not isinstance(token, str) or len(token) > TOKEN_CHARACTERS_MAX or not token.isascii():
            raise refused
        message, _, signature = token.partition(".")
        try:
            told, signed = _bytes(message), _bytes(signature)
        except (Error, ValueError):
            raise refused from None
        if not hmac.compare_digest(signed, self._signature(told)):
            raise refused
        intent, _, ends = told.decode().rpartition(":")
        if Instant(int(ends) * SECOND) <= self._clock.now():
            raise refused
        return intent

    def _signature(self, message: bytes) -> bytes:
        key = self.must_be_possible().reveal().encode()
        return hmac.digest(key, PURPOSE + message, sha256)


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
