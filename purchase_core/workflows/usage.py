"""Quotas of a customer: counted as they are used, and never beyond their limit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import attrs

from purchase_core.access.evaluate import evaluate, versions_of
from purchase_core.access.live import decode_live
from purchase_core.access.policy import AccessPolicy
from purchase_core.access.rights import CALENDAR
from purchase_core.catalog.versions import OfferVersion
from purchase_core.errors import ExceedsBalance
from purchase_core.instants import Clock, Instant, instant
from purchase_core.ledger.decision import Answer
from purchase_core.ledger.using import NO_QUOTA, Use, window_of
from purchase_core.ports.store import Store
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.owner import owning_lane
from purchase_core.projection.work import Work
from purchase_core.text import identifier
from purchase_core.workflows.requests import Requests, request_of


@attrs.frozen
class QuotaState:
    """A quota in the window that is open. `window_end` is None where it is never reset.

    `allowed`: of a use, whether it was counted; else whether one more would be.
    """

    quota: str
    allowed: bool
    limit: int
    used: int
    remaining: int
    window_start: Instant
    window_end: Instant | None


class Usage:
    """Counts uses of quotas."""

    def __init__(
        self,
        store: Store,
        requests: Requests,
        offers: OfferShelf,
        policy: AccessPolicy,
        defaults: Sequence[OfferVersion],
        clock: Clock,
    ) -> None:
        self._store = store
        self._requests = requests
        self._offers = offers
        self._policy = policy
        self._defaults = defaults
        self._clock = clock

    async def try_use(
        self, quota: str, amount: int = 1, *, customer: str, idempotency_key: str
    ) -> QuotaState:
        """Count a use, unless that would pass the limit: then `allowed` is False, and nothing is counted.

        The same key counts once. A use that was not allowed may be tried again under its key. Raises
        InvalidArgument and IdempotencyConflict.
        """
        request = request_of("use", customer, identifier("quota", quota), amount, idempotency_key)
        work = Work(lanes=(request.lane,), decision=Use(request, self._policy, self._defaults))
        try:
            return _counted(await self._requests.run(request, lambda: work))
        except ExceedsBalance:
            return attrs.evolve(await self.current(quota, customer=customer), allowed=False)

    async def current(self, quota: str, *, customer: str, at: datetime | None = None) -> QuotaState:
        """How much was used of a quota, and may still be: now, or later if nothing more happens."""
        now = self._clock.now()
        when = now if at is None else max(now, instant(at))
        lane = await owning_lane(self._store, customer)
        live = decode_live(lane.document)
        offers = await self._offers.learn(versions_of(live))
        found = evaluate(live, self._policy, offers, self._defaults, when).quotas.get(quota, NO_QUOTA)
        window = window_of(live, quota, found, when)
        remaining = max(0, found.limit - window.used)
        return QuotaState(
            quota=quota,
            allowed=remaining > 0,
            limit=found.limit,
            used=window.used,
            remaining=remaining,
            window_start=window.start,
            window_end=window.end,
        )


def _counted(answer: Answer) -> QuotaState:
    limit = answer.limit or 0
    return QuotaState(
        quota=answer.unit,
        allowed=True,
        limit=limit,
        used=limit - answer.balance,
        remaining=answer.balance,
        window_start=answer.since or CALENDAR,
        window_end=answer.until,
    )
