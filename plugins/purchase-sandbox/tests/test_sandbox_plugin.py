"""What the plugin registers, what opening costs, and that the wheel needs no pytest."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import attrs
import pytest

import purchase_sandbox
from purchase_core.errors import InvalidArgument, SecretMissing
from purchase_core.identifiers import SeededIds
from purchase_core.instants import Instant
from purchase_core.plugins.descriptors import API_VERSION, ProviderOpening
from purchase_core.ports.provider import Connection
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_sandbox.config import SandboxConfig
from purchase_sandbox.plugin import open_provider, purchase_register_providers

HEAVY = ("httpx", "starlette", "uvicorn", "jinja2", "anyio", "multipart", "pytest")
PACKAGE = Path(purchase_sandbox.__file__).parent


def modules_after(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has after a statement."""
    code = f"import sys; {statement}; print(*sorted({{one.partition('.')[0] for one in sys.modules}}))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    return set(ran.stdout.split())


@pytest.mark.parametrize("module", ["purchase_sandbox", "purchase_sandbox.plugin", "purchase_sandbox.cli"])
def test_a_cold_start_imports_neither_client_nor_server(module: str) -> None:
    assert not modules_after(f"import {module}") & set(HEAVY)


def test_the_adapter_imports_no_server_and_the_harness_no_pytest() -> None:
    assert not modules_after("import purchase_sandbox.adapter") & {"starlette", "uvicorn", "jinja2", "pytest"}
    assert "pytest" not in modules_after("import purchase_sandbox.testing")


def test_it_registers_a_provider_that_moves_no_money() -> None:
    (plugin,) = purchase_register_providers()
    assert (plugin.name, plugin.test_only, plugin.api_version) == ("sandbox", True, API_VERSION)
    assert plugin.config is SandboxConfig
    assert plugin.capabilities.key_lifetime_seconds == 86_400


def test_the_entry_points_are_what_the_project_says() -> None:
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())
    declared = project["project"]["entry-points"]["purchase"]
    assert declared["sandbox"] == "purchase_sandbox.plugin"
    assert declared["command.sandbox"] == "purchase_sandbox.cli:sandbox"
    installed = {one.name: one.value for one in entry_points(group="purchase")}
    assert installed["sandbox"] == "purchase_sandbox.plugin"


def test_the_wheel_needs_no_pytest() -> None:
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())
    assert not [one for one in project["project"]["dependencies"] if "pytest" in one or "contract" in one]
    importing = [path.name for path in PACKAGE.rglob("*.py") if "import pytest" in path.read_text()]
    assert importing == []


def opening(secrets: tuple[Secret, ...] = (), **config: Any) -> ProviderOpening[SandboxConfig]:
    return ProviderOpening(
        Connection("sandbox", "sandbox", "test", "shop", "dev"),
        attrs.evolve(SandboxConfig(), **config),
        Secret("sk_sandbox_canary_77aa"),
        secrets,
        ManualClock(Instant(0)),
        SeededIds(1),
    )


def test_opening_calls_nobody_and_closes_again() -> None:
    async def story() -> str:
        provider = await open_provider(opening((Secret("whsec_good_0123456789abcdefghijkl"),)))
        await provider.aclose()
        return provider.account

    assert asyncio.run(story()) == "acct_sandbox"


@pytest.mark.parametrize("secret", ["", " ", "whsec_", "whsec_short", "x" * 23])
def test_f18_a_webhook_secret_that_proves_nothing_is_refused(secret: str) -> None:
    with pytest.raises(SecretMissing) as missing:
        asyncio.run(open_provider(opening((Secret(secret),))))
    assert "sandbox" in missing.value.message
    assert not secret.strip() or secret not in str(missing.value)


@pytest.mark.parametrize(
    "config",
    [
        {"base_url": ""},
        {"base_url": "127.0.0.1:4242"},
        {"base_url": "file:///etc/passwd"},
        {"base_url": "http://"},
        {"base_url": "http://key@127.0.0.1:4242"},
        {"base_url": "http://127.0.0.1:4242/?key=x"},
        {"call_seconds": 0.0},
        {"call_seconds": -1.0},
        {"call_seconds": 301.0},
        {"connect_seconds": 0.0},
    ],
)
def test_a_configuration_that_cannot_work_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        opening(**config)


def test_the_readme_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (PACKAGE.parent / "README.md").read_text(), re.DOTALL)
    namespace: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), namespace)  # noqa: S102
    assert asyncio.run(namespace["buy"]()) == "subscription.renewed"


def test_no_float_near_money_or_time() -> None:
    """The provider's side computes in integers: no division, no float, outside of named seconds."""
    found = [
        f"{path.name}:{number}"
        for path in (PACKAGE / "account").glob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if "float" in line or " / " in line.split("#")[0].split('"')[0]
    ]
    assert found == []
