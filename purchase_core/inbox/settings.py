"""Limits of the inbox, all of them."""

from __future__ import annotations

from typing import Literal

import attrs

from purchase_core.backoff import Backoff


@attrs.frozen
class InboxSettings(Backoff):
    """How deliveries are taken and tried.

    `mode`: `inline` processes within the request, in one batch with the inbox row; `queue` only stores it
    and leaves the rest to `drain`. `attempts_max`: what failed so often is quarantined; where its provider
    could not be reached, not before `outage_seconds` after it was received.
    """

    mode: Literal["inline", "queue"] = "inline"
    body_bytes_max: int = 1_048_576
    attempts_max: int = 8
    outage_seconds: int = 259_200
    lease_seconds: int = 60
    claim_rows_max: int = 50
    works_max: int = 16
    lookups_max: int = 5
