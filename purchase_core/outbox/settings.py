"""Limits of telling subscribers, all of them."""

from __future__ import annotations

import attrs

from purchase_core.backoff import retry_at
from purchase_core.instants import Instant


@attrs.frozen
class SubscriberSettings:
    """How subscribers are told.

    `attempts_max`: after so many failures at one effect its lane is stuck, until a person says how to go on.
    `lease_seconds`: how long, after a subscriber's own time is over, its worker is taken for dead.
    """

    attempts_max: int = 10
    lease_seconds: int = 60
    retry_seconds_first: int = 2
    retry_seconds_max: int = 3_600

    def retry_at(self, now: Instant, attempts: int, spread: int) -> Instant:
        """When to tell again what could not be told."""
        return retry_at(
            now,
            attempts,
            spread,
            seconds_first=self.retry_seconds_first,
            seconds_max=self.retry_seconds_max,
        )


@attrs.frozen
class TickSettings:
    """What time alone makes happen, as effects: looked for every so many `seconds` (0: never).

    `trial_ending_days`: how long before a trial's end it is told of.
    """

    seconds: int = 0
    trial_ending_days: int = 3
