"""`purchase demo`: a first sale whose exit code can be trusted, and servers that come and go cleanly."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from purchase_core.cli.main import run
from purchase_core.config.load import load_settings
from purchase_core.instants import DAY
from purchase_sandbox.demo import command, first_sale, live, playing
from purchase_sandbox.demo import running as parts
from purchase_sandbox.demo.catalog import CATALOG
from purchase_sandbox.demo.desk import DeskClock
from purchase_sandbox.demo.first_sale import CUSTOMER
from purchase_sandbox.demo.pages import read_page
from purchase_sandbox.local_providers import PROVIDERS

PURCHASE = (sys.executable, "-m", "purchase_core.cli.main")
SECONDS_MAX = 120  # a machine may be busy with other tests


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to run in, with a folder for temporary files beside it."""
    for name in ("work", "tmp"):
        (tmp_path / name).mkdir()
    for name in ("PURCHASE_APP", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


@pytest.fixture
def interruptible() -> Iterator[None]:
    """^C reaches what is started here; a job in a shell's background ignores it, and so do its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def left_behind(folder: Path) -> list[str]:
    return [str(one.relative_to(folder)) for one in sorted(folder.glob("*/*"))]


# --- without a browser -----------------------------------------------------------------------------


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_first_sale_needs_no_configuration_and_leaves_nothing(
    empty: Path, capsys: pytest.CaptureFixture[str], provider: str
) -> None:
    assert run(["demo", "--headless", "--provider", provider]) == 0
    printed = capsys.readouterr()
    assert printed.err.startswith("Sold. The entitlement is there, after ")
    assert "\x1b" not in printed.out + printed.err
    for step in ("catalog", "route", "checkout", "hosted page", "webhooks", "facts", "entitlements"):
        assert f"\n{step}  " in f"\n{printed.out}"
    assert "  export: yes\n" in printed.out
    assert left_behind(empty) == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_sale_is_one_document_for_machines(capsys: pytest.CaptureFixture[str], provider: str) -> None:
    assert run(["demo", "--headless", "--provider", provider, "--json"]) == 0
    printed = capsys.readouterr()
    sale = json.loads(printed.out)
    assert printed.err == ""
    assert (sale["schema_version"], sale["sold"], sale["providers"]) == (1, True, [provider])
    assert sale["receipt"].startswith("receipt_")
    steps = {one["step"]: one["lines"] for one in sale["steps"]}
    assert sum(one["milliseconds"] for one in sale["steps"]) <= sale["milliseconds"] + len(steps)
    assert [line.split()[0] for line in steps["catalog"]] == list(CATALOG.offers)
    assert f"router 'policy' chose {provider!r}" in steps["route"]
    assert steps["hosted page"][-1].startswith("303  http://127.0.0.1:")
    assert {line.split()[1] for line in steps["webhooks"]} == {"done", "ignored"}
    assert any(line.startswith(f"subscription:{provider}:") for line in steps["facts"])
    assert steps["entitlements"] == ["export: yes", "api_calls: 100,000 a month"]


def test_the_database_is_kept_where_it_was_asked_for(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--headless", "--db", "shop.db"]) == 0
    assert left_behind(empty)[0] == "work/shop.db"
    assert {name.split(".")[0] for name in left_behind(empty)} == {"work/shop"}
    before = (empty / "work" / "shop.db").read_bytes()
    capsys.readouterr()
    for how in (["--headless"], []):  # or an old sale might pass for a new one
        assert run(["demo", *how, "--db", "shop.db"]) == 2
        assert "shop.db is there already" in capsys.readouterr().err
    assert (empty / "work" / "shop.db").read_bytes() == before


def decline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_sale, "GOOD_CARD", "0002")


def sign_with_another_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    real = parts.configuration

    def wrong(*arguments: Any) -> dict[str, Any]:
        config: dict[str, Any] = real(*arguments)
        for name, one in config["connections"].items():
            one["webhook_secrets"] = [f"env:{name.upper()}_API_KEY"]
        return config

    monkeypatch.setattr(parts, "configuration", wrong)
    monkeypatch.setattr(playing, "WEBHOOK_SECONDS_MAX", 0.3)


def want_more_than_was_sold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_sale, "FEATURE", "audit")


def break_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("purchase_sandbox.server.page.CheckoutPages._page", lambda *_: 1 / 0)
    monkeypatch.setattr("purchase_simulators.stripe.server.page.Pages._checkout", lambda *_: 1 / 0)
    monkeypatch.setattr("purchase_simulators.paddle.server.page._page", lambda *_, **__: 1 / 0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (decline, "The sale failed: paying led to http://127.0.0.1:"),
        (sign_with_another_secret, "The sale failed: no webhook told of the sale"),
        (want_more_than_was_sold, "Not sold: the entitlement is not there."),
        (break_the_page, "was answered 500"),
    ],
)
def test_no_entitlement_no_exit_code_0(
    empty: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    harm: Any,
    says: str,
    provider: str,
) -> None:
    harm(monkeypatch)
    command = ["demo", "--headless", "--provider", provider]
    assert run(command) == 1
    assert says in capsys.readouterr().err
    assert run([*command, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["sold"] is False
    assert left_behind(empty) == []


# --- for people ------------------------------------------------------------------------------------


@contextmanager
def started(*arguments: str, cwd: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """A command in a process of its own, killed at the end if it still runs."""
    environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(  # noqa: S603  # our own command
        [*PURCHASE, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environ,
        cwd=cwd,
    ) as process:
        watchdog = threading.Timer(SECONDS_MAX, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            if process.poll() is None:
                process.kill()


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(
    ("ending", "provider"),
    [(signal.SIGINT, "sandbox"), (signal.SIGTERM, "sandbox"), (signal.SIGTERM, "stripe"),
     (signal.SIGTERM, "paddle")],
)  # fmt: skip
def test_the_shop_says_where_it_is_and_ends_when_it_is_told_to(
    empty: Path, ending: signal.Signals, provider: str
) -> None:
    with started("demo", "--port", "0", "--provider-port", "0", "--provider", provider) as process:
        assert process.stderr is not None
        said = [process.stderr.readline() for _ in range(13)]
        addresses = dict(line.split(maxsplit=1) for line in said[:9])
        assert list(addresses) == [
            "Shop", "Account", "Live", "Routing", "Console", provider.title(), "Database", "Commands", "Key",
        ]  # fmt: skip
        with httpx.Client(
            trust_env=False, timeout=SECONDS_MAX
        ) as browser:  # its connection is still open when the end comes
            where = addresses[provider.title()].split()[0].rstrip("/")
            assert f"`purchase sandbox … --url {where}`" in addresses["Key"]
            for name in ("Shop", "Account", "Live", "Routing", "Console", provider.title()):
                answer = browser.get(addresses[name].split()[0])
                assert (answer.status_code, answer.headers["content-type"][:9]) == (200, "text/html")
            assert left_behind(empty)
            process.send_signal(ending)
            process.wait(timeout=SECONDS_MAX)
        assert process.stdout is not None
        # Not communicate(): it knows nothing of what readline() has read ahead.
        out, err = process.stdout.read(), process.stderr.read()
    assert process.returncode == 130
    assert said[-2].endswith("Stop with ^C.\n")
    assert err.strip() == "Interrupted."
    assert "Traceback" not in out + err
    assert left_behind(empty) == []


def look_from_the_desk(desk: Path) -> None:
    """Commands find the shop from its folder, while it runs and has the database for itself."""
    assert all(one.stat().st_mode & 0o077 == 0 for one in desk.iterdir() if one.suffix != ".db")

    def asked(*arguments: str) -> Any:
        with started(*arguments, "--json", cwd=desk) as process:
            return json.loads(process.communicate(timeout=SECONDS_MAX)[0])

    assert [one["granted"] for one in asked("customers", "show", CUSTOMER)["lots"]] == [500]
    assert [one["id"] for one in asked("doctor", "--ready")["findings"]] == ["config.public-url"]
    assert "ai:ai_500" not in {one["offer"] for one in asked("catalog", "plan")["steps"]}


@pytest.mark.usefixtures("interruptible")
def test_the_shop_is_found_by_machines_and_tells_them_what_happens(empty: Path) -> None:
    with started("demo", "--port", "0", "--provider-port", "0", "--db", "kept.db", "--json") as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready["database"] == str(empty / "work" / "kept.db")
        assert ready["console"] == f"{ready['shop']}/console/"
        with httpx.Client(trust_env=False, follow_redirects=True, timeout=SECONDS_MAX) as browser:
            bought = browser.post(f"{ready['shop']}/buy", data={"offer": "ai:ai_500", "cart": "1"})
            assert bought.url.host == "127.0.0.1"
            form = read_page(bought.text).forms[0]
            browser.post(str(bought.url), data={**form.fields, "action": "pay", "card": "pays"})
        lines = iter(process.stdout.readline, "")
        told = next(one for one in map(json.loads, lines) if "event" in one)
        look_from_the_desk(Path(ready["desk"]))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SECONDS_MAX)
    assert process.returncode == 130
    assert (told["schema_version"], told["lane"]) == (1, f"customer:{CUSTOMER}")
    assert "work/kept.db" in left_behind(empty)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port where something listens."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.mark.parametrize(
    "arguments",
    [
        ["demo", "--provider-port", "0", "--port"],
        ["demo", "--port", "0", "--provider-port"],
        ["sandbox", "serve", "--port"],
    ],
)
def test_a_port_that_is_taken_is_named_with_what_to_do(
    empty: Path, capsys: pytest.CaptureFixture[str], taken: int, arguments: list[str]
) -> None:
    assert run([*arguments, str(taken)]) == 2
    error = capsys.readouterr().err
    assert f"Error (invalid_argument): cannot listen on 127.0.0.1:{taken}: Address already in use" in error
    assert "Fix: Stop what listens there, or choose another port; port 0 is any free one." in error
    assert run([*arguments, str(taken), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "invalid_argument"
    assert left_behind(empty) == []


@pytest.mark.usefixtures("interruptible")
def test_a_second_demo_beside_the_first_takes_free_ports_and_says_which(
    empty: Path, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    heard: list[tuple[int, int]] = []

    async def serve(_: object, port: int, provider_port: int, *others: object, **more: object) -> None:
        heard.append((port, provider_port))

    monkeypatch.setattr(live, "serve", serve)
    for usual in ("SHOP_PORT", "PROVIDER_PORT"):
        monkeypatch.setattr(command, usual, taken)
    assert run(["demo"]) == 0
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        free = other.getsockname()[1]
    monkeypatch.setattr(command, "SHOP_PORT", free)
    assert run(["demo"]) == 0
    assert heard == [(0, 0), (free, 0)]
    assert left_behind(empty) == []


@pytest.mark.parametrize(
    ("found", "called", "told"),
    [
        ("/usr/bin/purchase", "/usr/bin/purchase", "purchase"),
        (None, ".venv/bin/purchase", "{here}/.venv/bin/purchase"),
        (None, "/a b/bin/purchase", "'/a b/bin/purchase'"),
        (None, "/somewhere/main.py", f"{shlex.quote(sys.executable)} -m purchase_core.cli.main"),
    ],
)
def test_a_command_is_told_as_it_can_be_called_from_the_desk(
    monkeypatch: pytest.MonkeyPatch, found: str | None, called: str, told: str
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: found)
    monkeypatch.setattr(sys, "argv", [called])
    assert live.program() == told.format(here=Path.cwd())


@pytest.mark.parametrize("names", [("sandbox",), PROVIDERS])
def test_the_desk_has_the_configuration_and_the_time_of_the_demo(tmp_path: Path, names: list[str]) -> None:
    async def work() -> None:
        database = tmp_path / "purchase.db"
        async with parts.running(database, names, desk=tmp_path) as demo:
            written = load_settings(tmp_path / "purchase.toml")
            meant = load_settings(parts.configuration(demo.providers, demo.shop_url, database))
            for name, one in meant.connections.items():
                assert written.connections[name].options == one.options
                assert written.connections[name].api_key == f"file:{name.upper()}_API_KEY"
            assert (written.router, written.store) == (meant.router, meant.store)
            demo.clock.advance(DAY)
            assert abs(DeskClock(tmp_path / "clock").now() - demo.clock.now()) < DAY // 2

    asyncio.run(work())


# --- the catalog -----------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_catalog_is_rolled_out_and_a_price_change_moves_nobody(
    empty: Path, capsys: pytest.CaptureFixture[str], provider: str
) -> None:
    assert run(["demo", "--catalog", "--headless", "--provider", provider, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    steps = [(one["step"], one["lines"]) for one in told["steps"]]
    assert [name for name, _ in steps] == [
        "another application", "plan", "apply", "check", "subscribers", "price change", "apply", "check",
        "subscribers keep theirs", "the other application's",
    ]  # fmt: skip
    lines = dict(steps)
    assert lines["check"] == ["Nothing to do: the providers are as the catalog says."]
    assert lines["price change"][-1].endswith("; 3 subscribers keep what they have.")
    assert lines["subscribers keep theirs"] == lines["subscribers"]
    assert len(lines["subscribers"]) == 3
    assert lines["the other application's"] == [f"{provider:8} untouched"]
    assert left_behind(empty) == []


def test_a_catalog_is_rolled_out_at_several_providers_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    several = [word for name in PROVIDERS for word in ("--provider", name)]
    assert run(["demo", "--catalog", "--headless", *several, "--json"]) == 0
    lines = {one["step"]: one["lines"] for one in json.loads(capsys.readouterr().out)["steps"]}
    assert len(lines["the other application's"]) == len(PROVIDERS)


def test_there_is_one_story_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--catalog", "--headless", "--story", "sale"]) == 2
    assert "one of them" in capsys.readouterr().err
