"""Bugs as they are found in real adapters of Stripe, planted in this one; each is caught by what it names."""

from __future__ import annotations

from purchase_contract_tests.planting import Bugs

BUGS = Bugs("Stripe's adapter")

from . import verifying, reading, asking, calling  # noqa: E402, F401, I001  # they write themselves down, in this order
