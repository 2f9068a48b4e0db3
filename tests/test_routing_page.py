"""The code of docs/routing.md runs as it stands there, over two providers shaped like those it names."""

from __future__ import annotations

import ast
import asyncio
import re
import shlex
import sys
import tomllib
from collections.abc import Coroutine
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import attrs
import pytest

from purchase_contract_tests.router import RouterContract
from purchase_core import Billing
from purchase_core.cli.main import run as command_line
from purchase_core.ports.router import RoutingDecision
from purchase_core.routing import breaker, policy
from purchase_core.routing.attributes import BUILT_IN
from purchase_core.routing.backtest import Backtest
from purchase_core.routing.router import PolicyRouter
from purchase_core.testing.plugins import MemoryPlugin
from purchase_core.testing.sales import CATALOG, T0
from purchase_core.testing.shaped import ShapedPlugin
from purchase_core.workflows.checkout import Checkout

PAGE = (Path(__file__).parents[1] / "docs" / "routing.md").read_text()
SECRETS = {
    f"{name}_{what}": "whsec_" + "a" * 32
    for name in ("STRIPE", "PADDLE")
    for what in ("API_KEY", "WEBHOOK_SECRET")
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


async def run(source: str, names: dict[str, object]) -> None:
    code = compile(source, "routing.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    found = eval(code, names)  # noqa: S307  # our own page
    if found is not None:
        await cast("Coroutine[Any, Any, None]", found)


def test_the_examples_run_and_come_to_what_they_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.toml").write_text("share = { stripe = 50, paddle = 50 }")
    config: dict[str, Any] = tomllib.loads(blocks("toml")[0])
    for name in ("stripe", "paddle"):
        config["connections"][name]["plugin"] = f"{name}-shaped"
    config["store"] = {"plugin": "memory"}
    shaped = ShapedPlugin()
    start, switch, backtest = [block for block in blocks("python") if "await" in block]

    async def scene() -> None:
        async with Billing.open(
            catalog=CATALOG, config=config, plugins=[MemoryPlugin(), shaped], environ=SECRETS
        ) as billing:
            names: dict[str, object] = {"billing": billing, "since": T0}
            verify = "(await billing.routing.verify(checkout.receipt)).same"
            assert verify in start
            await run(start.replace(verify, f"same = {verify}"), names)
            first, decision = cast("Checkout", names["checkout"]), cast("RoutingDecision", names["decision"])
            assert first.connection == "stripe"
            assert f"{decision.order!r}, {decision.rule!r}".replace("'", '"') in start
            assert names["same"] is True
            await run(switch, names)
            assert cast("Checkout", names["checkout"]).connection == "paddle"
            assert shaped.providers["stripe"].sessions[first.session].status == "expired"
            await run(backtest, names)
            assert cast("Backtest", names["found"]).checkouts == 1

    asyncio.run(scene())


def test_the_contract_can_be_taken_from_the_page() -> None:
    names: dict[str, Any] = {"MyRouter": PolicyRouter}
    exec(compile(blocks("python")[-1], "routing.md", "exec"), names)  # noqa: S102  # our own page
    kind = names["TestMyRouter"]
    assert issubclass(kind, RouterContract)
    assert isinstance(kind().router(), PolicyRouter)


def test_every_key_of_a_policy_is_on_the_page() -> None:
    kinds = (policy.Policy, policy.Rule, policy.Terms, policy.Stickiness, policy.Sameness)
    keys = {field.name for kind in kinds for field in attrs.fields(kind)} - {"name", "when", "attributes"}
    assert {key for key in keys if not re.search(rf"\b{key}\b", PAGE)} == set()
    assert {name for name in BUILT_IN if f"`{name}`" not in PAGE} == set()


def test_the_page_says_the_limits_that_hold() -> None:
    settings = breaker.BreakerSettings()
    assert (settings.failures_in_a_row, settings.open_seconds) == (5, 60)
    assert "After five failures in a row a connection is down for a minute" in PAGE


def test_the_command_lines_of_the_page_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.toml").write_text("share = { stripe = 50, paddle = 50 }")
    config: dict[str, Any] = tomllib.loads(blocks("toml")[0])
    for name in ("stripe", "paddle"):
        config["connections"][name]["plugin"] = f"{name}-shaped"
    config["store"] = {"plugin": "memory"}
    plugins = [MemoryPlugin(), ShapedPlugin()]

    def factory() -> Any:
        return Billing.open(catalog=CATALOG, config=config, plugins=plugins, environ=SECRETS)

    module = ModuleType("shop_of_the_page")
    vars(module)["factory"] = factory
    monkeypatch.setitem(sys.modules, "shop_of_the_page", module)

    async def sale() -> Checkout:
        async with factory() as billing:
            started: Checkout = await billing.checkout.start(
                customer="user_1", offer="app:pro", idempotency_key="cart-42",
                success_url="https://shop.example/thanks", cancel_url="https://shop.example/prices",
            )  # fmt: skip
            return started

    receipt = asyncio.run(sale()).receipt
    lines = re.findall(r"^purchase .*$", PAGE, re.MULTILINE)
    assert len(lines) >= 7
    for line in lines:
        words = shlex.split(line.replace("receipt_…", receipt), comments=True)[1:]
        code = command_line(["--app", "shop_of_the_page:factory", *words])
        assert code == 0, (line, capsys.readouterr().err)
    for page in ("decision.html", "report.html", "backtest.html", "picture.html"):
        assert (tmp_path / page).read_text().startswith("<!doctype html>")
