"""What the plugin registers, what opening costs, and what a connection may say."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import purchase_paddle
from purchase_core.errors import InvalidArgument, SecretMissing
from purchase_core.identifiers import SeededIds
from purchase_core.instants import Instant
from purchase_core.plugins.descriptors import API_VERSION, ProviderOpening
from purchase_core.ports.provider import Connection
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_paddle.config import CAPABILITIES, LIVE_URL, SANDBOX_URL, PaddleConfig
from purchase_paddle.plugin import open_provider, purchase_register_providers

HEAVY = {"httpx", "starlette", "uvicorn", "jinja2", "anyio", "pytest", "purchase_simulators"}
PACKAGE = Path(purchase_paddle.__file__).parent
GOOD = Secret("pdl_ntfset_01hv8x29nsh54c2pgt0hnq0zkx_abcdefghijklmnop")


def modules_after(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has after a statement."""
    code = f"import sys; {statement}; print(*sorted({{one.partition('.')[0] for one in sys.modules}}))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    return set(ran.stdout.split())


def opening(*secrets: Secret) -> ProviderOpening[PaddleConfig]:
    connection = Connection("paddle", "paddle", "live", "shop", "prod")
    clock, ids = ManualClock(Instant(0)), SeededIds(1)
    return ProviderOpening(connection, PaddleConfig(), Secret("pdl_live_apikey_x"), secrets, clock, ids)


@pytest.mark.parametrize("module", ["purchase_paddle", "purchase_paddle.plugin"])
def test_a_cold_start_imports_no_client(module: str) -> None:
    assert not modules_after(f"import {module}") & HEAVY


def test_the_adapter_imports_no_simulator_and_the_harness_no_pytest() -> None:
    assert not modules_after("import purchase_paddle.adapter") & (HEAVY - {"httpx", "anyio"})
    assert "pytest" not in modules_after("import purchase_paddle.testing")


def test_it_registers_a_provider_that_moves_money() -> None:
    (plugin,) = purchase_register_providers()
    assert (plugin.name, plugin.test_only, plugin.api_version) == ("paddle", False, API_VERSION)
    assert plugin.config is PaddleConfig
    assert plugin.capabilities is CAPABILITIES


def test_what_paddle_is_like() -> None:
    assert CAPABILITIES.key_lifetime_seconds == 0
    traits = (CAPABILITIES.refund_approval, CAPABILITIES.unique_emails, CAPABILITIES.price_trials)
    assert (*traits, CAPABILITIES.merchant_of_record) == (True, True, True, True)


def test_the_entry_point_is_what_the_project_says() -> None:
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())
    assert project["project"]["entry-points"]["purchase"] == {"paddle": "purchase_paddle.plugin"}


def test_opening_calls_nobody() -> None:
    async def scenario() -> None:
        provider = await open_provider(opening(GOOD))
        assert (provider.connection.name, provider.account) == ("paddle", "paddle")
        await provider.aclose()

    asyncio.run(scenario())


@pytest.mark.parametrize("text", ["", "   ", "pdl_ntfset_", "short"])
def test_f18_a_webhook_secret_that_proves_nothing_is_refused(text: str) -> None:
    with pytest.raises(SecretMissing):
        asyncio.run(open_provider(opening(GOOD, Secret(text))))


def test_the_mode_chooses_the_address() -> None:
    assert PaddleConfig().url("live") == LIVE_URL
    assert PaddleConfig().url("test") == SANDBOX_URL
    assert PaddleConfig(base_url="http://127.0.0.1:4243").url("live") == "http://127.0.0.1:4243"


@pytest.mark.parametrize(
    "url",
    [
        "http://api.paddle.com",
        "ftp://x",
        "https://me@x.example",
        "https://x.example/?a=b",
        "paddle",
        "http://10.0.0.1",
    ],
)
def test_nobody_on_the_way_may_read_along(url: str) -> None:
    for name in ("base_url", "checkout_url"):
        with pytest.raises(InvalidArgument):
            PaddleConfig(**{name: url})  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", [0, -1, 301, float("nan")])
def test_deadlines_are_bounded(seconds: float) -> None:
    for name in ("call_seconds", "connect_seconds"):
        with pytest.raises(InvalidArgument):
            PaddleConfig(**{name: seconds})  # type: ignore[arg-type]
