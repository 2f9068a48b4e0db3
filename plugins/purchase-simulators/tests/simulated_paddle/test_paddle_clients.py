"""Independent clients: Paddle's own SDKs for node and Python talk to the simulator, and check its signatures.

`python dev.py clients` installs them into `.clients/`, each in a place of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import attrs
import pytest

from purchase_core.secret import Secret
from purchase_simulators.paddle.requests import NotificationSetting
from purchase_simulators.paddle.server.running import PaddleServer
from purchase_simulators.paddle.simulator import PaddleSimulator
from purchase_simulators.wire.embedded import EmbeddedServer

HERE = Path(__file__).parent / "clients"
CLIENTS = Path(os.environ.get("PURCHASE_CLIENTS_DIRECTORY") or Path(__file__).parents[4] / ".clients")
REQUIRED = os.environ.get("PURCHASE_CLIENTS") == "required"
KEY = Secret("pdl_sdbx_apikey_clients_0123456789")
CLIENT_SECONDS_MAX = 60


@attrs.frozen
class Heard:
    """A webhook that an application received."""

    body: str
    signature: str
    secret: str


class Ear:
    """Hears one webhook."""

    def __init__(self) -> None:
        self.body, self.signature = b"", ""
        self.heard = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            self.body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = dict(scope["headers"])
        self.signature = headers[b"paddle-signature"].decode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        self.heard.set()


def run(*command: object) -> dict[str, Any]:
    """Run a client against a simulator that listens on loopback, and return what it saw."""

    async def scenario() -> dict[str, Any]:
        simulator = PaddleSimulator()
        account = simulator.open_account("clients", [KEY])
        ear = Ear()
        async with PaddleServer(simulator) as server, EmbeddedServer(ear) as shop:
            setting = account.notifications.add(
                NotificationSetting(
                    description="ear",
                    type="url",
                    destination=f"{shop.url}/",
                    subscribed_events=["product.created"],
                )
            )
            from purchase_simulators.paddle import catalog, requests  # noqa: PLC0415

            catalog.add_product(account.book, requests.Product(name="App", tax_category="standard"))
            async with asyncio.timeout(CLIENT_SECONDS_MAX):
                await ear.heard.wait()
            webhook = {
                "body": ear.body.decode(),
                "signature": ear.signature,
                "secret": setting["endpoint_secret_key"],
            }
            given = json.dumps({"url": server.url, "key": KEY.reveal(), "webhook": webhook}).encode()
            process = await asyncio.create_subprocess_exec(
                *map(str, command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            async with asyncio.timeout(CLIENT_SECONDS_MAX):
                out, errors = await process.communicate(given)
            assert process.returncode == 0, errors.decode()[-2_000:]
            seen: dict[str, Any] = json.loads(out)
            return seen

    return asyncio.run(scenario())


def present(path: Path) -> None:
    """Skip, loudly, where a client is not installed; CI installs it."""
    if path.exists():
        return
    if REQUIRED:
        pytest.fail(f"{path} is required: python dev.py clients")
    pytest.skip(f"{path} is not there: python dev.py clients installs it")


def test_paddles_sdk_for_node_buys_changes_and_refunds() -> None:
    present(CLIENTS / "node" / "node_modules" / "@paddle" / "paddle-node-sdk")
    node = shutil.which("node")
    assert node, "node is not on the path"
    seen = run(node, HERE / "client.mjs", CLIENTS / "node")
    assert seen["customer"].startswith("ctm_")
    assert seen["conflict"][0] == "customer_already_exists"
    assert seen["conflict"][1].endswith(seen["customer"])
    assert seen["transaction"] == ["draft", "2400", True]
    assert (seen["paid"], seen["subscription"]) == ("completed", ["active", 2])
    assert (seen["preview"], seen["changed"]) == ("charge", 3)
    assert (seen["scheduled"], seen["undone"]) == ("cancel", None)
    assert seen["adjustment"] == ["pending_approval", "2400"]
    assert seen["portal"] is True
    assert seen["events"] > 20
    assert seen["customers"] == ["node@example.com"]
    assert seen["webhook"][0] == "product.created"
    assert seen["signatures"] == [True, False, False]


def test_paddles_sdk_for_python_buys_and_checks_signatures() -> None:
    python = CLIENTS / "paddle-python" / "bin" / "python"
    present(python)
    seen = run(python, HERE / "client.py")
    assert (seen["customer"][:4], seen["conflict"]) == ("ctm_", "customer_already_exists")
    assert seen["transaction"] == ["draft", "2400"]
    assert seen["events"] >= 4
    assert len(seen["listed"]) == 1
    assert seen["signatures"] == [True, False]
