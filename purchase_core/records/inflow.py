"""Inflow: what arrived lately, counted from a bounded number of rows."""

from __future__ import annotations

from purchase_core.instants import Instant
from purchase_core.values import Value


class Inflow(Value, frozen=True):
    """So many deliveries of a connection, in this state by now, arrived in the stretch from `at` on."""

    at: Instant
    connection: str
    state: str
    count: int
