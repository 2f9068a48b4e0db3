"""The commands, against a sandbox that listens in another thread."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import click.shell_completion
import click.testing
import httpx
import pytest

from purchase_core.errors import InvalidArgument, ProviderError, SecretMissing
from purchase_core.secret import Secret
from purchase_sandbox.account import making
from purchase_sandbox.account.requests import MakeCustomer
from purchase_sandbox.cli import KEY_REFERENCE
from purchase_sandbox.cli import sandbox as command
from purchase_sandbox.sandbox import Sandbox
from purchase_sandbox.server.running import SandboxServer
from purchase_sandbox.serving import Serving, Telling, serve_for_ever

KEY = "sk_cli_canary_0123"


@pytest.fixture
def served() -> Iterator[tuple[Sandbox, str]]:
    """A sandbox, and where it listens."""
    sandbox = Sandbox()
    sandbox.open_account("acct_1", (Secret(KEY),))
    ready: Future[str] = Future()
    done: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        stop = asyncio.Event()
        done.append((asyncio.get_running_loop(), stop))
        async with SandboxServer(sandbox, deliver=False) as server:
            ready.set_result(server.url)
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    yield sandbox, ready.result(timeout=60)
    loop, stop = done[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(timeout=60)


def run(url: str, *arguments: str, key: str = KEY) -> str:
    """The output of a command. Whatever it raises is raised."""
    runner = click.testing.CliRunner(env={"PURCHASE_SANDBOX_KEY": key})
    result = runner.invoke(command, [*arguments, "--url", url], standalone_mode=False, catch_exceptions=False)
    assert KEY not in result.output
    return result.output


def as_json(url: str, *arguments: str) -> dict[str, Any]:
    found = json.loads(run(url, *arguments, "--json"))
    assert found["schema_version"] == 1
    return found  # type: ignore[no-any-return]


def test_the_clock_is_advanced(served: tuple[Sandbox, str]) -> None:
    sandbox, url = served
    before = sandbox.clock.now()
    assert re.search(r"It is \d{4}-\d\d-\d\dT", run(url, "advance", "14days"))
    assert sandbox.clock.now() - before >= 14 * 86_400_000_000
    assert as_json(url, "advance", "1month")["now"] > before


def test_events_are_listed_and_sent_again(served: tuple[Sandbox, str]) -> None:
    sandbox, url = served
    assert "Nothing has happened yet" in run(url, "events")
    account = sandbox.accounts["acct_1"]
    account.deliveries.add("http://127.0.0.1:9/", Secret("whsec_cli_0123456789abcdefghijklmn"))
    for _ in range(130):
        making.make_customer(account.book, MakeCustomer())
    events = as_json(url, "events", "--limit", "3")["events"]
    assert [one["id"] for one in events] == [one.id for one in account.book.events[-3:]]
    assert "customer.created" in run(url, "events")
    assert "1 endpoints" in run(url, "redeliver", events[0]["id"])
    deliveries = as_json(url, "deliveries")["deliveries"]
    assert deliveries[0]["event"] == events[0]["id"]
    assert "waiting" in run(url, "deliveries")


def test_something_is_made_to_happen(served: tuple[Sandbox, str]) -> None:
    _, url = served
    assert "payment.failed" in run(url, "trigger").split()
    with pytest.raises(ProviderError) as refused:
        run(url, "trigger", "payment.failed")
    assert refused.value.provider_code == "wrong_state"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("trigger", "payment.faild"), "no trigger 'payment.faild'; there are checkout.expired, "),
        (("advance", "1mnth"), "not a span of time: '1mnth'"),
        (("chaos", "dorp=0.1"), "not a fault and its odds: 'dorp=0.1'"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_in_the_sandboxs_own_words(
    served: tuple[Sandbox, str], arguments: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ProviderError) as refused:
        run(served[1], *arguments)
    assert refused.value.message.startswith(said)


def test_what_can_happen_is_completed() -> None:
    completion = click.shell_completion.ShellComplete(command, {}, "sandbox", "_SANDBOX_COMPLETE")
    found = completion.get_completions(["trigger"], "payment.")
    assert [one.value for one in found] == ["payment.failed", "payment.recovered"]


def test_things_are_broken_and_mended(served: tuple[Sandbox, str]) -> None:
    sandbox, url = served
    assert "Nothing goes wrong" in run(url, "chaos")
    assert as_json(url, "chaos", "drop=0.25")["odds"] == {"drop": "0.25"}
    assert run(url, "chaos").split() == ["drop", "0.25"]
    run(url, "chaos", "drop=0")
    assert sandbox.chaos.odds_ppm == {}


def test_a_wrong_key_and_a_missing_one_are_told_apart(served: tuple[Sandbox, str]) -> None:
    _, url = served
    with pytest.raises(ProviderError) as refused:
        run(url, "events", key="wrong_key_1234")
    assert refused.value.code == "authentication_failed"
    assert "wrong_key_1234" not in str(refused.value)
    with pytest.raises(SecretMissing):
        run(url, "events", key="")


def test_secrets_are_never_taken_from_the_command_line(served: tuple[Sandbox, str]) -> None:
    _, url = served
    with pytest.raises(SecretMissing) as refused:
        run(url, "events", "--api-key", "sk_typed_0123")
    assert "sk_typed_0123" not in str(refused.value)


def test_a_sandbox_that_is_not_there_is_not_there() -> None:
    with pytest.raises(ProviderError) as missing:
        run("http://127.0.0.1:1", "events")
    assert missing.value.code == "provider_unavailable"
    with pytest.raises((InvalidArgument, ProviderError)):
        run("nonsense", "events")


def asked(**changes: Any) -> Serving:
    fields: dict[str, Any] = {
        "host": "127.0.0.1", "port": 0, "expose": False, "account": "acct_1", "api_key": None,
        "webhook_url": "", "webhook_secret": None, "approve_refunds": False, "seed": 0, "odds": "",
        "as_json": True,
    }  # fmt: skip
    return Serving(**{**fields, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "0.0.0.0"},  # noqa: S104
        {"odds": "sneeze=1"},
        {"api_key": Secret("short")},
        {"webhook_url": "http://127.0.0.1:9/", "webhook_secret": Secret("short")},
    ],
)
def test_serving_refuses_what_it_should_not_do(changes: dict[str, Any]) -> None:
    with pytest.raises((InvalidArgument, SecretMissing)):
        serve_for_ever(asked(**changes))


@pytest.mark.parametrize("made", [True, False])
def test_a_key_that_was_made_is_shown_with_where_to_put_it(
    capsys: pytest.CaptureFixture[str], made: bool
) -> None:
    shown = [("API key", "sk_made_0123")] if made else []
    Telling("Sandbox", as_json=False).ready("http://127.0.0.1:4242", "acct_1", "", shown)
    told = capsys.readouterr().err
    assert ("sk_made_0123" in told, KEY_REFERENCE.removeprefix("env:") in told) == (made, made)
    assert "http://127.0.0.1:4242" in told


def test_paddle_is_served_in_the_sandboxs_place() -> None:
    command = [sys.executable, "-m", "purchase_core.cli.main", "sandbox", "serve", "--provider", "paddle"]
    command += ["--port", "0", "--json", "--webhook-url", "http://127.0.0.1:9/hooks"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        try:
            ready = json.loads(process.stdout.readline())
            headers = {"authorization": f"Bearer {ready['api_key']}"}
            answer = httpx.post(f"{ready['ready']}/customers", json={"email": "a@b.example"}, headers=headers)
            told = json.loads(process.stdout.readline())
        finally:
            process.terminate()
    assert answer.json()["data"]["id"] == told["object"]
    assert told["type"] == "customer.created"
    assert ready["webhook_secret"].startswith("pdl_ntfset_")
