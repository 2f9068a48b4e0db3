"""Shops that sell to guests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from purchase_core.secret import Secret
from tests.faults.shop import Shop

SECRET = "a secret of the shop, long enough"  # of a test


@contextmanager
def guests(shop: Shop) -> Iterator[None]:
    """The shop sells to buyers whom it does not know, and can sign what they claim with."""
    with patch.object(shop.billing.checkout._claims, "_secret", Secret(SECRET)):
        yield
