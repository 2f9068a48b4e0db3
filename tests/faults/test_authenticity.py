"""Faults and threats of authenticity and format: who says so, to whom, in which bytes (docs/faults.md)."""

from __future__ import annotations

import json
import os
from typing import Any
from unittest.mock import patch

import pytest

from purchase_contract_tests.provider.damage import (
    changed_bodies,
    forged_headers,
)
from purchase_core.billing import Billing
from purchase_core.errors import (
    ConfigurationError,
    MalformedBody,
    SecretMissing,
    SignatureInvalid,
    UnknownConnection,
    WrongAccount,
)
from purchase_core.instants import SECOND, Instant
from purchase_core.records.delivery import DONE, IGNORED
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.memory_store import MemoryDatabase
from purchase_core.testing.plugins import MemoryPlugin
from purchase_core.testing.sales import CATALOG
from purchase_sandbox.adapter import SandboxProvider
from purchase_sandbox.testing import WEBHOOK_SECRET
from tests.faults.deliveries import ABSENT, changed, one_event, refused
from tests.faults.shop import ENVIRON, Shop, resigned, run

SECOND_SECRET = Secret("whsec_second_0123456789abcdefghijklmnop")
RETIRED = Secret("whsec_retired_0123456789abcdefghijklmnop")


def copied(database: MemoryDatabase) -> dict[str, object]:
    """Everything that is stored, for comparison."""
    return {
        name: getattr(database, name).copy()
        for name in ("facts", "rows", "deliveries", "lanes", "references")
    }


async def forge(shop: Shop) -> int:
    """Try every forgery. None is accepted, and nothing is written. Returns how many there were."""
    body = await one_event(shop)
    now = shop.clock.now()
    genuine = shop.harness.sign(body)
    before = copied(shop.memory)
    tried = 0
    for what, headers in forged_headers(genuine, ("sandbox-signature",), now):
        await refused(shop, body, headers, what)
        tried += 1
    for what, other in changed_bodies(body):
        await refused(shop, other, genuine, what)
        tried += 1
    for secret in ("", " ", "whsec_", "null", WEBHOOK_SECRET.reveal()[:-1], WEBHOOK_SECRET.reveal() + "x"):
        with pytest.raises(SignatureInvalid):
            await shop.take(body, resigned(body, now, Secret(secret)))
        tried += 1
    assert copied(shop.memory) == before
    assert (await shop.take(body)).status == DONE, "the genuine one is accepted"
    return tried


def test_t01_no_forgery_is_accepted_and_nothing_is_written() -> None:
    async def work() -> None:
        async with Shop() as shop:
            assert await forge(shop) >= 40

    run(work)


@pytest.mark.parametrize(
    "variable",
    ["DEBUG", "TEST_MODE", "PURCHASE_TEST_MODE", "PURCHASE_SKIP_VERIFY", "PURCHASE_DEBUG", "PYTHONOPTIMIZE"],
)
def test_t15_no_environment_variable_weakens_the_check(variable: str) -> None:
    async def work() -> None:
        with patch.dict(os.environ, {variable: "1"}):
            async with Shop() as shop:
                await forge(shop)

    run(work)


# --- F17, F18: secrets -------------------------------------------------------------------------

UNUSABLE = ["", " ", "\t\n", "whsec_", "whsec_ ", "sh0rt", "whsec_" + "x" * 23, "pdl_ntfset_", "x" * 23]


def opening(secrets: list[str], environ: dict[str, str], mode: str = "test") -> Any:
    """A billing that is configured with these references."""
    config = {
        "connections": {
            "sandbox": {
                "plugin": "sandbox", "mode": mode, "api_key": "env:KEY", "webhook_secrets": secrets,
            }
        },
        "store": {"plugin": "memory"},
    }  # fmt: skip
    return Billing.open(
        catalog=CATALOG, config=config, plugins=[MemoryPlugin()], environ={**ENVIRON, **environ}
    )


@pytest.mark.parametrize("value", UNUSABLE)
@pytest.mark.parametrize("place", ["only", "first", "last"])
def test_f17_f18_no_application_opens_without_a_usable_secret(place: str, value: str) -> None:
    """One bad secret among good ones is as good as a public one."""
    secrets = {"only": ["env:BAD"], "first": ["env:BAD", "env:WEBHOOK"], "last": ["env:WEBHOOK", "env:BAD"]}

    async def work() -> None:
        async with opening(secrets[place], {"BAD": value}):
            pytest.fail("it opened")

    with pytest.raises(SecretMissing) as refused:
        run(work)
    assert not value.strip() or value not in str(refused.value)


@pytest.mark.parametrize(
    "secrets", [[], ["env:NOT_SET"], ["file:not-there"], ["whsec_in_clear_0123456789abcdef"]]
)
def test_f17_no_application_opens_without_any_secret(secrets: list[str]) -> None:
    async def work() -> None:
        async with opening(secrets, {}):
            pytest.fail("it opened")

    with pytest.raises(ConfigurationError):
        run(work)


@pytest.mark.parametrize("secret", [None, *map(Secret, UNUSABLE)])
def test_f18_no_adapter_is_made_with_an_unusable_secret(secret: Secret | None) -> None:
    async def work() -> None:
        async with Shop() as shop:
            with pytest.raises(SecretMissing):
                SandboxProvider(shop.connection, "acct", shop.provider._client, [secret])  # type: ignore[list-item]

    run(work)


@pytest.mark.parametrize("mode", ["test", "live"])
def test_f17_an_unsigned_event_is_refused_in_every_mode(mode: str) -> None:
    async def work() -> None:
        async with Shop() as shop:
            body = await one_event(shop)
            live = json.dumps({**json.loads(body), "mode": mode}).encode()
            for headers in ((), (("sandbox-signature", ""),), (("authorization", "Bearer x"),)):
                with pytest.raises(SignatureInvalid):
                    await shop.take(live, headers)
            assert not shop.memory.deliveries

    run(work)


@pytest.mark.parametrize("signers", [(), ("",), (WEBHOOK_SECRET.reveal(),)], ids=["nobody", "empty", "known"])
def test_f17_an_adapter_without_secrets_believes_nobody(signers: tuple[str, ...]) -> None:
    """Nothing to compare with is not the same as nothing to object to."""

    async def work() -> None:
        async with Shop() as shop:
            body, now = await one_event(shop), shop.clock.now()
            deaf = SandboxProvider(shop.connection, "acct_sandbox", shop.provider._client, [])
            with pytest.raises(SignatureInvalid):
                deaf.verify(body, shop.harness.sign(body, now, [Secret(one) for one in signers]), now=now)

    run(work)


# --- F19, F20, T3: time ------------------------------------------------------------------------


@pytest.mark.parametrize("restart", [False, True])
def test_f19_t03_a_captured_delivery_is_a_duplicate_and_then_too_old(*, restart: bool) -> None:
    async def work() -> None:
        async with Shop() as shop:
            body = await one_event(shop)
            captured = shop.harness.sign(body)
            signed_at = shop.clock.now() // SECOND * SECOND
            assert (await shop.take(body, captured)).status == DONE
            before = await shop.checked_hash()
            billing = await shop.another() if restart else shop.billing
            for seconds in (1, 299, 300):
                shop.manual.set_to(Instant(signed_at + seconds * SECOND))
                assert (await shop.take(body, captured, billing=billing)).status == "duplicate"
            for seconds in (301, 3_600, 3 * 86_400):
                shop.manual.set_to(Instant(signed_at + seconds * SECOND))
                with pytest.raises(SignatureInvalid):
                    await shop.take(body, captured, billing=billing)
            assert (await shop.take(body, billing=billing)).status == "duplicate", "ids are kept for ever"
            assert await shop.checked_hash() == before

    run(work)


@pytest.mark.parametrize("seconds", [1, 60, 299, 300, 301, 600])
@pytest.mark.parametrize("side", [-1, 1])
def test_f20_the_window_has_two_sides(side: int, seconds: int) -> None:
    """What is refused because a clock was wrong is accepted when it comes again and the clock is right."""

    async def work() -> None:
        async with Shop() as shop:
            body = await one_event(shop)
            now = Instant((shop.clock.now() // SECOND + 1) * SECOND)
            shop.manual.set_to(now)
            headers = resigned(body, Instant(now + side * seconds * SECOND))
            if seconds <= 300:
                assert (await shop.take(body, headers)).status == DONE
            else:
                with pytest.raises(SignatureInvalid, match="seconds away from ours"):
                    await shop.take(body, headers)
                assert not shop.memory.deliveries
                assert (await shop.take(body)).status == DONE

    run(work)


# --- F21 to F24: whose -------------------------------------------------------------------------


def test_f21_every_live_secret_counts_and_no_retired_one() -> None:
    async def work() -> None:
        async with Shop(secrets=(WEBHOOK_SECRET, SECOND_SECRET)) as shop:
            await shop.buy()
            bodies = [one.body for one in shop.webhooks()]
            now = shop.clock.now()
            signers = [
                (WEBHOOK_SECRET,),
                (SECOND_SECRET,),
                (RETIRED, SECOND_SECRET),
                (WEBHOOK_SECRET, RETIRED),
            ]
            for body, secrets in zip(bodies, signers, strict=True):
                assert (await shop.take(body, shop.harness.sign(body, now, secrets))).status == DONE
            with pytest.raises(SignatureInvalid):
                await shop.take(bodies[0], shop.harness.sign(bodies[0], now, (RETIRED,)))

    run(work)


ROTATION: list[tuple[tuple[Secret, ...], list[tuple[Secret, ...]]]] = [
    ((RETIRED,), [(RETIRED,), (RETIRED, SECOND_SECRET)]),
    ((SECOND_SECRET, RETIRED), [(RETIRED,), (SECOND_SECRET,), (RETIRED, SECOND_SECRET)]),
    ((SECOND_SECRET,), [(SECOND_SECRET,), (RETIRED, SECOND_SECRET)]),
]


def test_f21_a_secret_is_rotated_in_the_middle_of_a_burst_and_nothing_is_lost() -> None:
    """Before, while and after both secrets live: each process believes those that it was opened with."""

    async def work() -> None:
        async with Shop() as shop:
            body, now = json.loads(await one_event(shop)), shop.clock.now()
            taken = 0
            for live, accepted in ROTATION:
                async with Shop(shop.memory, harness=shop.harness, secrets=live) as opened:
                    for signers in [
                        (RETIRED,),
                        (SECOND_SECRET,),
                        (RETIRED, SECOND_SECRET),
                        (WEBHOOK_SECRET,),
                    ]:
                        event = json.dumps({**body, "id": f"evt_{taken}"}).encode()
                        headers = shop.harness.sign(event, now, signers)
                        if signers in accepted:
                            assert (await opened.take(event, headers)).status == DONE
                            taken += 1
                        else:
                            with pytest.raises(SignatureInvalid):
                                await opened.take(event, headers)
            assert len(shop.memory.deliveries) == taken == 7

    run(work)


def test_f21_f24_the_secrets_of_one_connection_are_not_tried_at_another() -> None:
    """Two connections of one application: a list of secrets is the list of one of them."""
    memory = MemoryPlugin()
    one = {"plugin": "scripted", "mode": "test", "api_key": "env:KEY"}
    config = {
        "store": {"plugin": "memory"},
        "connections": {
            "ours": {**one, "webhook_secrets": ["env:WEBHOOK", "env:SECOND"]},
            "theirs": {**one, "webhook_secrets": ["env:RETIRED"]},
        },
    }
    environ = {**ENVIRON, "SECOND": SECOND_SECRET.reveal(), "RETIRED": RETIRED.reveal()}
    now = Instant(1_790_000_000 * SECOND)

    async def work() -> None:
        opening = Billing.open(
            catalog=CATALOG, config=config, plugins=[memory], environ=environ, clock=ManualClock(now)
        )
        async with opening as billing:
            for name, other in (("ours", "theirs"), ("theirs", "ours")):
                body, headers = memory.providers[name].signed(b'{"id":"evt_1"}', now=now)
                with pytest.raises(SignatureInvalid):
                    await billing.webhooks.receive(other, body, headers)
                assert (await billing.webhooks.receive(name, body, headers)).status == IGNORED

    run(work)


@pytest.mark.parametrize("account", ["acct_other", "ACCT_SANDBOX", "acct_sandbox ", "", None, ABSENT])
def test_f22_an_event_of_another_account_changes_nothing(account: object) -> None:
    """Nor does one that names none: a check that needs a name to refuse is open to whoever leaves it out."""

    async def work() -> None:
        async with Shop() as shop:
            body = await one_event(shop)
            before = copied(shop.memory)
            with pytest.raises((WrongAccount, MalformedBody)):
                await shop.take(changed(body, account=account))
            assert copied(shop.memory) == before

    run(work)


@pytest.mark.parametrize("mode", ["live", "Test", "", None, True, ABSENT])
def test_f23_an_event_of_another_mode_changes_nothing(mode: object) -> None:
    async def work() -> None:
        async with Shop() as shop:
            body = await one_event(shop)
            before = copied(shop.memory)
            with pytest.raises((WrongAccount, MalformedBody)):
                await shop.take(changed(body, mode=mode))
            assert copied(shop.memory) == before

    run(work)


def test_f23_the_same_ids_in_both_modes_do_not_meet() -> None:
    """Every event of a sale, with a twin of the other mode before and after it: the twins leave nothing."""

    async def ending(*, twins: bool) -> str:
        async with Shop() as shop:
            await shop.buy()
            for one in shop.webhooks():
                twin = changed(one.body, mode="live", created=json.loads(one.body)["created"] + 1)
                for body in (twin, one.body, twin) if twins else (one.body,):
                    if body is one.body:
                        assert (await shop.take(body)).status == DONE
                    else:
                        with pytest.raises(WrongAccount, match="is of mode live"):
                            await shop.take(body)
            assert {json.loads(one.body)["mode"] for one in shop.memory.deliveries.values()} == {"test"}
            return await shop.checked_hash()

    assert run(lambda: ending(twins=True)) == run(lambda: ending(twins=False))


def test_f23_a_connection_without_money_is_not_opened_for_live() -> None:
    async def work() -> None:
        async with opening(["env:WEBHOOK"], {}, mode="live"):
            pytest.fail("it opened")

    with pytest.raises(ConfigurationError, match="moves no money"):
        run(work)


def test_f24_an_event_for_one_endpoint_is_not_accepted_at_another() -> None:
    async def work() -> None:
        async with Shop() as shop, Shop(secrets=(SECOND_SECRET,)) as other:
            body = await one_event(shop)
            genuine = shop.harness.sign(body)
            with pytest.raises(SignatureInvalid):
                await other.take(body, genuine)
            with pytest.raises(UnknownConnection):
                await other.billing.webhooks.receive("stripe", body, genuine)
            assert not other.memory.deliveries

    run(work)
