"""Limits of telling subscribers, all of them."""

from __future__ import annotations

import attrs

from purchase_core.backoff import Backoff


@attrs.frozen
class SubscriberSettings(Backoff):
    """How subscribers are told.

    `attempts_max`: after so many failures at one effect its lane is stuck, until a person says how to go on.
    `lease_seconds`: how long, after a subscriber's own time is over, its worker is taken for dead.
    """

    attempts_max: int = 10
    lease_seconds: int = 60


@attrs.frozen
class TickSettings:
    """What time alone makes happen, as effects: looked for every so many `seconds` (0: never).

    `trial_ending_days`: how long before a trial's end it is told of.
    """

    seconds: int = 0
    trial_ending_days: int = 3
