"""Granting credits by hand: the lot comes from a fact, and its movement answers the request."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from purchase_core.access.live import Live
from purchase_core.catalog.versions import OfferVersion
from purchase_core.instants import Instant
from purchase_core.ledger.decision import Decided, Decision
from purchase_core.ledger.spending import Book, answered
from purchase_core.records.movement import Movement


@attrs.frozen
class Give(Decision):
    """Credits that the application or an operator grants. `cause` is the granted lot's object."""

    cause: str

    def decide(
        self,
        live: Live,
        offers: Mapping[str, OfferVersion],
        moved: tuple[Movement, ...],
        now: Instant,
    ) -> Decided:
        """What the fact has moved was moved by this request."""
        book = Book(live.purse, self.request.lane, now)
        lapsed = tuple(book.lapse())
        legs = tuple(leg for one in moved for leg in one.legs)
        movement = answered(self.request, live.purse, legs, now, cause=self.cause)
        return Decided(live, tuple(book.rows.values()), (*lapsed, movement))
