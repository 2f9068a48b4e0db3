"""Customers in tests of who they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.faults.shop import Shop

MONTH_DAYS = 31
EMAIL = "ana.sentinel@example.com"
NAME = "Ana Sentinel"
STORES = pytest.mark.parametrize("store", ["memory", "sqlite"])


def shop_of(store: str, folder: Path, **other: Any) -> Shop:
    return Shop(folder / "purchase.db" if store == "sqlite" else None, **other)
