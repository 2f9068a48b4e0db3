"""Every provider on this machine is served, connected and played with alike: by hand, and by the commands."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import attrs
import httpx
import pytest
from click.testing import CliRunner

from purchase_core.errors import InvalidArgument, WrongState
from purchase_core.instants import DAY, SystemClock
from purchase_sandbox.cli import sandbox as command
from purchase_sandbox.demo.life import Customer, states
from purchase_sandbox.demo.running import Demo, running
from purchase_sandbox.demo.visitor import HttpVisitor
from purchase_sandbox.local_providers import PROVIDERS, local_provider
from purchase_simulators.wire.clock import ProviderClock, SharedClock

COMMON = {
    "checkout.paid", "dispute.inquiry", "dispute.opened", "dispute.won", "payment.failed",
    "payment.recovered", "refund.created", "subscription.canceled", "subscription.renewed",
}  # fmt: skip
per_provider = pytest.mark.parametrize("provider", PROVIDERS)


@attrs.frozen
class Street:
    """A demo with one provider, and somebody who has bought a subscription."""

    demo: Demo
    customer: Customer

    @property
    def provider(self):  # type: ignore[no-untyped-def]
        return next(iter(self.demo.providers.values()))

    async def run(self, *arguments: str) -> dict[str, object]:
        """The answer of a command of `purchase sandbox`, in JSON."""

        def invoke() -> str:
            runner = CliRunner(env={"PURCHASE_SANDBOX_KEY": self.demo.key.reveal()})
            asked = [*arguments, "--url", self.provider.url, "--json"]
            return runner.invoke(command, asked, standalone_mode=False, catch_exceptions=False).output

        found: dict[str, object] = json.loads(await asyncio.to_thread(invoke))
        return found


def on(provider: str, folder: Path, story: Callable[[Street], Awaitable[None]]) -> None:
    async def work() -> None:
        async with running(folder / "a.db", [provider]) as demo, HttpVisitor() as visitor:
            customer = Customer(visitor, demo.shop_url)
            await customer.buy("App Pro")
            await customer.see("what was bought", states, [("App Pro", "active")])
            await story(Street(demo, customer))

    asyncio.run(work())


def test_all_of_them_are_known_and_nobody_else() -> None:
    assert [local_provider(name).plugin for name in PROVIDERS] == list(PROVIDERS)
    with pytest.raises(InvalidArgument, match="no provider 'bank'"):
        local_provider("bank")


def test_those_who_share_a_clock_travel_together() -> None:
    shared = SharedClock(SystemClock())
    one, other = ProviderClock(shared), ProviderClock(shared)
    before = other.now()
    one.advance(3 * DAY)
    assert other.now() - before >= 3 * DAY
    assert shared.now() - before >= 3 * DAY
    alone = ProviderClock(SystemClock())
    alone.advance(DAY)
    assert other.now() > alone.now()
    for wrong in (-1, 4_000 * DAY):
        with pytest.raises(InvalidArgument, match="0 to 3660 days"):
            shared.advance(wrong)


@per_provider
def test_one_that_is_down_comes_back_at_the_same_address(provider: str) -> None:
    async def work() -> None:
        async with local_provider(provider)() as serving, httpx.AsyncClient(trust_env=False) as http:
            url = serving.url
            assert (await http.get(url)).status_code == 200
            await serving.stop()
            assert not serving.is_up
            with pytest.raises(httpx.ConnectError):
                await http.get(url)
            await serving.start()
            assert (serving.url, (await http.get(url)).status_code) == (url, 200)

    asyncio.run(work())


@per_provider
def test_events_are_fired_by_hand(tmp_path: Path, provider: str) -> None:
    async def story(it: Street) -> None:
        found = await it.run("trigger")
        assert set(found["triggers"]) >= COMMON  # type: ignore[call-overload]
        failed = await it.run("trigger", "payment.failed")
        assert failed["events"]
        await it.customer.see("a failed payment", states, [("App Pro", "past_due")])
        await it.run("trigger", "payment.recovered")
        await it.customer.see("a payment after all", states, [("App Pro", "active")])
        paid = it.provider.payments()
        await it.run("trigger", "subscription.renewed")
        assert it.provider.payments() == paid + 1
        await it.run("trigger", "subscription.canceled")
        await it.customer.see("the end", states, [("App Pro", "canceled")])
        with pytest.raises(WrongState):
            it.provider.played.trigger("payment.failed")

    on(provider, tmp_path, story)


@per_provider
def test_a_refund_and_a_dispute_by_hand(tmp_path: Path, provider: str) -> None:
    def timeline(text: str) -> Callable[[object], bool]:
        return lambda page: any(text in row[1] for row in page.rows("Activity"))  # type: ignore[attr-defined]

    async def story(it: Street) -> None:
        await it.run("trigger", "dispute.opened")
        await it.customer.see("a dispute", timeline("dispute over 12.00 USD is open"), wanted=True)
        await it.run("trigger", "dispute.won")
        await it.customer.see("its end", timeline("dispute over 12.00 USD is won"), wanted=True)
        await it.run("trigger", "refund.created")
        await it.customer.see("a refund", timeline("refund of 12.00 USD is"), wanted=True)

    on(provider, tmp_path, story)


@per_provider
def test_time_chaos_and_webhooks_by_command(tmp_path: Path, provider: str) -> None:
    async def story(it: Street) -> None:
        before = it.demo.clock.now()
        found = await it.run("advance", "1month")
        assert isinstance(found["now"], int)
        assert found["now"] - before >= 28 * DAY
        assert it.demo.clock.now() - before >= 28 * DAY  # the shop's too
        assert await it.run("chaos", "drop=1") == {"schema_version": 1, "seed": 0, "odds": {"drop": "1"}}
        await it.run("chaos", "drop=0")
        events = (await it.run("events", "--limit", "3"))["events"]
        assert isinstance(events, list)
        assert len(events) == 3
        again = (await it.run("redeliver", events[-1]["id"]))["deliveries"]
        assert isinstance(again, list)
        assert [one["event"] for one in again] == [events[-1]["id"]]
        sent = (await it.run("deliveries"))["deliveries"]
        assert isinstance(sent, list)
        assert {one["type"] for one in sent} >= {events[-1]["type"]}

    on(provider, tmp_path, story)


@per_provider
def test_nobody_plays_without_the_key(provider: str) -> None:
    async def work() -> None:
        async with local_provider(provider)() as serving, httpx.AsyncClient(trust_env=False) as http:
            for key in ("Bearer", "Bearer wrong", f"Bearer {serving.api_key.reveal()[:-1]}"):
                headers = {"authorization": key}
                answer = await http.get(f"{serving.url}/sandbox/clock", headers=headers)
                assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unknown_api_key")
            headers = {"authorization": f"Bearer {serving.api_key.reveal()}"}
            for path in ("trigger", "events/evt_none/redeliver"):
                answer = await http.post(f"{serving.url}/sandbox/{path}", headers=headers, json={"type": "x"})
                assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found"), path
            for path, body in (("clock", {"by": "never"}), ("chaos", {"odds": "fish=1"}), ("clock", [])):
                answer = await http.post(f"{serving.url}/sandbox/{path}", headers=headers, json=body)
                assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request"), path

    asyncio.run(work())
