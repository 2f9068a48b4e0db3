"""Using a quota: counted in the window that is open, and refused where its limit would be passed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import msgspec

from purchase_core.access.evaluate import evaluate, versions_of
from purchase_core.access.live import Counter, Live, counter_key
from purchase_core.access.policy import AccessPolicy
from purchase_core.access.rights import CALENDAR, Quota
from purchase_core.calendar import Interval, midnight, period_containing
from purchase_core.catalog.versions import OfferVersion
from purchase_core.errors import ExceedsBalance
from purchase_core.instants import Instant
from purchase_core.ledger.decision import Answer, Decided, Decision
from purchase_core.records.ledger_rows import UsageRow, usage_key
from purchase_core.records.movement import ALLOWANCE, USED, Leg, Movement

NO_QUOTA = Quota(0, "never")


def window_of(live: Live, name: str, quota: Quota, at: Instant) -> Counter:
    """The window of a quota that is open at an instant, with what was used in it.

    Windows are counted from the quota's anchor, by the clocks of its zone, and never go back: a clock that is
    set back goes on counting where it was.
    """
    known = live.counters.get(counter_key(name, quota.reset, quota.anchor, quota.zone))
    if known is not None and (known.end is None or at < known.end):
        return known
    if quota.reset == "never":
        return Counter(quota.anchor, None, 0)
    # What no agreement anchors begins at midnight there.
    anchor = midnight(CALENDAR, quota.zone) if quota.anchor == CALENDAR else quota.anchor
    period = period_containing(anchor, Interval(quota.reset), at, quota.zone)
    return Counter(period.start, period.end, 0)


@attrs.frozen
class Use(Decision):
    """So much of a quota is used, if its limit allows it."""

    policy: AccessPolicy
    defaults: Sequence[OfferVersion]

    def versions(self, live: Live) -> frozenset[str]:
        """Those that say what the limit is."""
        return versions_of(live)

    def decide(
        self,
        live: Live,
        offers: Mapping[str, OfferVersion],
        moved: tuple[Movement, ...],
        now: Instant,
    ) -> Decided:
        """Count it."""
        request = self.request
        name, amount = request.unit, request.amount
        quota = evaluate(live, self.policy, offers, self.defaults, now).quotas.get(name, NO_QUOTA)
        window = window_of(live, name, quota, now)
        used = window.used + amount
        if used > quota.limit:
            raise ExceedsBalance(f"{amount} of {name} cannot be used: {window.used} of {quota.limit} are")
        key = counter_key(name, quota.reset, quota.anchor, quota.zone)
        live.counters[key] = Counter(window.start, window.end, used)
        place = usage_key(request.lane, key, window.start)
        row = UsageRow(place, request.lane, name, window.start, window.end, used)
        answer = Answer(
            request.key,
            request.kind,
            name,
            amount,
            quota.limit - used,
            window.end,
            quota.limit,
            window.start,
        )
        movement = Movement(
            request.key,
            request.lane,
            request.kind,
            name,
            now,
            (Leg(place, ALLOWANCE, -amount), Leg(place, USED, amount)),
            fingerprint=request.fingerprint,
            answer=msgspec.json.encode(answer).decode(),
        )
        return Decided(live, (row,), (*moved, movement))
