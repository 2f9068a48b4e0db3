"""The version of Stripe's API that is simulated."""

from __future__ import annotations

API_VERSION = "2026-10-28.endive"
