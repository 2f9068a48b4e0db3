"""`purchase work`, `purchase replay` and `purchase webhooks retry`, as a person or a cron job calls them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.cli.deliveries import keep

START_SECONDS_MAX = 60


def test_all_of_one_reason_are_tried_again(app: Any) -> None:
    keep(app, "delivery_1")
    keep(app, "delivery_2", reason="internal: KeyError")
    keep(app, "delivery_3", state="done")
    ended = app.run("webhooks", "retry", "--all", "--reason", "KeyError", "--json")
    assert json.loads(ended.out)["deliveries"] == ["delivery_2"]
    assert {one.id: one.state for one in app.database.deliveries.values()} == {
        "delivery_1": "quarantined",
        "delivery_2": "pending",
        "delivery_3": "done",
    }
    assert "1 will be tried again" in app.run("webhooks", "retry", "--all").err


@pytest.mark.parametrize("arguments", [(), ("delivery_1", "--all")])
def test_one_or_all_must_be_said(app: Any, arguments: tuple[str, ...]) -> None:
    assert app.run("webhooks", "retry", *arguments).code == 2
    assert app.run("replay", *arguments).code == 2


def test_a_replay_of_many_is_asked_for_and_machines_say_yes(app: Any) -> None:
    keep(app, "delivery_1", state="done", reason="")
    unasked = app.run("replay", "--all")
    assert unasked.code == 2
    assert "Read 1 deliveries again? Nobody can be asked here: say --yes." in unasked.err
    ended = app.run("replay", "--all", "--yes")
    assert ended.code == 1, "it was never signed"
    assert "signature_invalid" in ended.out
    assert "0 changed, 0 unchanged, 0 skipped, 1 failed." in ended.err
    shown = json.loads(app.run("replay", "--type", "a.b", "--dry-run", "--json").out)
    assert (shown["dry_run"], shown["failed"], shown["deliveries"][0]["delivery"]) == (True, 1, "delivery_1")
    assert app.run("replay", "--type", "b.c", "--yes").code == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to handle")
def test_a_worker_finishes_when_it_is_told_to(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(
        textwrap.dedent("""
            from purchase_core import Billing, Catalog
            from purchase_core.testing.memory_store import MemoryDatabase
            from purchase_core.testing.plugins import MemoryPlugin
            def billing():
                return Billing.open(
                    catalog=Catalog(), config={"store": {"plugin": "memory"}},
                    plugins=[MemoryPlugin(MemoryDatabase())], environ={},
                )
        """)
    )
    command = [sys.executable, "-m", "purchase_core.cli.main", "--app", "shop:billing", "work"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stderr is not None
        try:
            lines = [process.stderr.readline() for _ in range(2)]
            assert lines[1] == "Working; ^C to finish.\n"
            process.send_signal(signal.SIGTERM)
            assert process.wait(START_SECONDS_MAX) == 0
        finally:
            process.kill()
