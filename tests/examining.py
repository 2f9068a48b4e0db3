"""What a doctor says of an application."""

from __future__ import annotations

from collections.abc import Sequence

from purchase_core.doctor import Doctor
from purchase_core.records.finding import LEVELS, Finding
from tests.faults.shop import Shop

PUBLIC = "https://shop.example/billing"
MINE = f"{PUBLIC}/webhooks/sandbox"


def ids(found: Sequence[Finding]) -> list[str]:
    assert all(one.level in LEVELS and one.message for one in found)
    return sorted(one.id for one in found)


async def ready(shop: Shop, *, probe: bool = False, **settings: object) -> list[Finding]:
    return await Doctor(shop.unopened(**{"public_url": PUBLIC, **settings})).readiness(probe=probe)


async def registered(shop: Shop, url: str = MINE) -> None:
    await shop.provider.create_endpoint(url, key=f"endpoint-{url}")
