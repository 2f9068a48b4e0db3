"""What the doctor says of accounts on the wire: faults are planted there, and each is told under its id."""

from __future__ import annotations

from collections.abc import Sequence
from unittest.mock import patch

import pytest

from purchase_core.catalog.catalog import Catalog
from purchase_core.doctor import Doctor
from purchase_core.errors import ProviderUnavailable
from purchase_core.ports.provider import Capability
from purchase_core.records.finding import INFO, WARNING, Finding
from tests.rollout.changing import sold
from tests.rollout.street import PROVIDERS, Street, run

OF_ACCOUNTS = ("catalog.", "stripe.", "paddle.", "retention.", "provider.")


async def told(street: Street, catalog: Catalog) -> list[Finding]:
    found: Sequence[Finding] = await Doctor(street.opening(catalog)).readiness(probe=False)
    assert not [one for one in found if one.id.startswith(("schema.", "failed."))]
    return [one for one in found if one.id.startswith(OF_ACCOUNTS)]


def ids(found: Sequence[Finding]) -> list[str]:
    return [one.id for one in found if not one.id.startswith(("stripe.portal", "paddle.recovery"))]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_catalog_that_somebody_has_changed_at_the_provider_is_told_and_left_alone(provider: str) -> None:
    async def work(street: Street) -> None:
        async with street.opening(sold()) as billing:
            assert ids(await told(street, sold())) == [], "what was never rolled out is made as it is sold"
            await billing.rollout.apply(await billing.rollout.plan())
            assert ids(await told(street, sold())) == []
            connection = billing.connections[provider]
            (price,) = (await connection.prices(cursor="")).prices
            await connection.archive_price(price.id, key="by hand")
            (finding,) = [one for one in await told(street, sold()) if one.id == "catalog.drift"]
            assert (finding.level, finding.about) == (WARNING, provider)
            assert not (await connection.prices(cursor="")).prices[0].active, "a doctor mends nothing"
            await billing.rollout.apply(await billing.rollout.plan())
            assert ids(await told(street, sold())) == []
            assert ids(await told(street, sold("plus"))) == ["catalog.behind"]

            async def failing(self: object, **_named: object) -> None:
                raise ProviderUnavailable("down")

            with patch.object(type(connection), "prices", failing):
                assert ids(await told(street, sold())) == ["catalog.unread"]

    run(work, [provider])


def test_a_portal_that_was_never_set_up_is_told() -> None:
    async def work(street: Street) -> None:
        async with street.opening(sold()) as billing:
            assert [one.id for one in await told(street, sold())] == ["stripe.portal"]
            kind = type(billing.connections["stripe"]._looking)  # type: ignore[attr-defined]

            async def saved(self: object) -> bool:
                return True

            with patch.object(kind, "portal_is_set_up", saved):
                assert await told(street, sold()) == []

    run(work, ["stripe"])


def test_what_cannot_be_asked_of_paddle_is_said_for_people_to_look_at() -> None:
    async def work(street: Street) -> None:
        async with street.opening(sold()) as billing:
            (finding,) = await told(street, sold())
            assert (finding.id, finding.level) == ("paddle.recovery", INFO)
            assert Capability.EXPIRE_CHECKOUT not in billing.connections["paddle"].capabilities

    run(work, ["paddle"])
