"""docs/catalog.md: every command is run, on both simulators; what it prints is what is printed there."""

from __future__ import annotations

import asyncio
import importlib
import re
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

from purchase_core.cli.main import run
from purchase_core.instants import SystemClock
from purchase_core.testing.clocks import ManualClock
from purchase_paddle import testing as paddle
from purchase_paddle.testing import PaddleHarness
from purchase_simulators.stripe import testing as stripe
from purchase_simulators.stripe.testing import StripeHarness
from tests.cli.background import in_background

PAGE = (Path(__file__).parents[2] / "docs" / "catalog.md").read_text()
PART = re.compile(r"^```(?P<kind>\w+)\n(?P<text>.*?)^```|^<!-- (?P<note>.*?) -->", re.MULTILINE | re.DOTALL)
EXIT = re.compile(r"#\s*exit (\d+)")


@attrs.define
class Reader:
    """Somebody who does what the page says."""

    folder: Path
    provider: str
    harness: Any
    capture: pytest.CaptureFixture[str]
    commands: list[str] = attrs.Factory(list)

    def read(self) -> None:
        """The whole page, in order."""
        for part in PART.finditer(PAGE):
            if part["note"]:
                self.note(part["note"])
            elif part["kind"] == "python":
                (self.folder / "shop.py").write_text(part["text"])
            elif part["kind"] == "toml":
                (self.folder / "purchase.toml").write_text(self.settings(part["text"]))
            elif part["kind"] == "console":
                self.console(part["text"])

    def settings(self, text: str) -> str:
        """As on the page, but for where the simulator is."""
        address = self.harness.url if self.provider == "stripe" else self.harness.server.url
        text = text.replace("http://127.0.0.1:4242", address).replace(
            '"acct_sandbox"', f'"{self.harness.account.id}"'
        )
        if self.provider == "paddle":
            text = text.replace(
                'plugin = "stripe"', 'plugin = "paddle"\ncheckout_url = "http://127.0.0.1/pay"'
            )
        return text

    def note(self, note: str) -> None:
        """What happens between two commands."""
        if note == "three customers buy app:pro":
            asyncio.run(self.sell(("ana", "ben", "cid")))
        else:
            assert note == "in shop.py, 12.00 becomes 15.00"
            shop = self.folder / "shop.py"
            shop.write_text(shop.read_text().replace("12.00", "15.00"))
            self.forget()

    def forget(self) -> None:
        """The module is read anew, as by another process."""
        sys.modules.pop("shop", None)
        importlib.invalidate_caches()

    async def sell(self, customers: tuple[str, ...]) -> None:
        """Somebody pays for each of them, and it is told."""
        async with importlib.import_module("shop").billing() as billing:
            for customer in customers:
                checkout = await billing.checkout.start(
                    customer=customer, offer="app:pro", idempotency_key=customer,
                    success_url="http://127.0.0.1/a", cancel_url="http://127.0.0.1/b",
                    email=f"{customer}@example.com",
                )  # fmt: skip
                self.harness.pay(checkout.session)
            for one in self.harness.webhooks():
                await billing.webhooks.receive("main", one.body, one.headers)
            await billing.webhooks.drain()

    def console(self, text: str) -> None:
        """Commands, and what each prints."""
        shown: list[str] = []
        for line in reversed(text.splitlines()):
            if not line.startswith("$ "):
                shown.insert(0, line)
                continue
            command, _, aside = line.removeprefix("$ ").partition("#")
            wanted = EXIT.match(f"#{aside}")
            self.pending.insert(0, (command.strip(), int(wanted[1]) if wanted else 0, shown))
            shown = []
        while self.pending:
            self.run(*self.pending.pop(0))

    pending: list[tuple[str, int, list[str]]] = attrs.Factory(list)

    def run(self, command: str, code: int, shown: list[str]) -> None:
        """One command."""
        self.forget()
        self.harness.clock.set_to(max(SystemClock().now(), self.harness.clock.now()))
        self.capture.readouterr()
        ended = run(command.split()[1:])
        printed = self.capture.readouterr()
        lines = (printed.out + printed.err).splitlines()
        assert ended == code, f"{command}: {lines}"
        self.commands.append(command)
        for line in shown if self.provider == "stripe" else ():
            pattern = ".+".join(re.escape(part) for part in line.split("…"))
            assert any(re.fullmatch(pattern, one) for one in lines), f"{command}: {line!r} is not in {lines}"


@pytest.mark.parametrize("provider", ["stripe", "paddle"])
def test_whoever_does_what_the_page_says_gets_what_it_shows(
    provider: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    harness: Any = (
        StripeHarness(ManualClock(SystemClock().now())) if provider == "stripe" else PaddleHarness()
    )
    if provider == "paddle":
        harness.clock.set_to(SystemClock().now())
    module: Any = stripe if provider == "stripe" else paddle
    for name in ("PURCHASE_APP", "NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("API_KEY", module.API_KEY.reveal())
    monkeypatch.setenv("WEBHOOK_SECRET", module.WEBHOOK_SECRET.reveal())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # of a module that is written anew within a second
    reader = Reader(tmp_path, provider, harness, capsys)
    try:
        with in_background(harness):
            reader.read()
    finally:
        reader.forget()
    assert len(reader.commands) == 12
    assert "<h1>Plan of a catalog rollout</h1>" in (tmp_path / "plan.html").read_text()
    compile((tmp_path / "pulled.py").read_text(), "pulled.py", "exec")
