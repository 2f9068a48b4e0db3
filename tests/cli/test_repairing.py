"""`replay` from a file, `webhooks quarantine` and `discard`, `attention`, `reconcile`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from purchase_core.instants import SECOND, Instant
from purchase_core.operations.passes import HELD
from purchase_core.records.run import FINISHED, Run
from tests.cli.deliveries import keep


def test_what_is_quarantined_is_shown_by_cause_and_given_up_with_a_reason(app: Any) -> None:
    keep(app, "delivery_1")
    keep(app, "delivery_2")
    keep(app, "delivery_3", reason="KeyError")
    ended = app.run("webhooks", "quarantine", "--json")
    groups = json.loads(ended.out)["groups"]
    assert [(one["count"], one["cause"]["error"]) for one in groups] == [
        (2, "malformed_body"),
        (1, "KeyError"),
    ]
    assert "by itself" in app.run("webhooks", "quarantine").out, "it was judged by other code"
    assert app.run("webhooks", "discard", "delivery_3").code == 2, "nobody said why"
    assert app.run("webhooks", "discard", "--all", "--because", "odd").code == 2, "nobody said yes"
    done = app.run("webhooks", "discard", "delivery_3", "--because", "a test", "--by", "ops", "--json")
    assert json.loads(done.out)["deliveries"] == ["delivery_3"]
    row = app.database.deliveries["delivery_3"]
    assert (row.state, row.reason) == ("ignored", "discarded by ops: a test")
    tried = app.run("webhooks", "retry", "--all", "--error", "malformed_body", "--json")
    assert sorted(json.loads(tried.out)["deliveries"]) == ["delivery_1", "delivery_2"]
    assert app.run("webhooks", "quarantine").err.endswith("Nothing is quarantined.\n")
    assert app.run("webhooks", "discard", "--all", "--because", "odd", "--yes").code == 0


def test_everything_that_waits_is_one_list(app: Any) -> None:
    assert app.run("attention", "--exit-code").code == 0
    keep(app, "delivery_1")
    shown = app.run("attention", "--exit-code")
    assert shown.code == 3
    assert (
        "purchase webhooks retry --all --connection shop --type a.b --error malformed_body"
        in shown.out[-200:]
    )
    (item,) = json.loads(app.run("attention", "--json").out)["items"]
    assert (item["kind"], item["count"]) == ("quarantine", 1)


def test_what_a_pass_left_is_told_with_the_command_that_shows_it(app: Any) -> None:
    now = Instant(1_790_000_000 * SECOND)
    noted = Run("run_1", HELD, "shop", FINISHED, "", now, now, "", {"same": 4, "vanished": 3})
    app.database.runs["run_1"] = noted
    (item,) = json.loads(app.run("attention", "--json").out)["items"]
    assert (item["kind"], item["count"], item["next"]) == ("vanished", 3, "purchase reconcile shop")
    assert app.run("attention", "--exit-code").code == 3
    app.database.runs["run_2"] = replace(noted, id="run_2", counts={"same": 7, "vanished": 0})
    assert app.run("attention", "--exit-code").code == 0


def test_a_file_of_events_is_believed_only_if_somebody_says_so(app: Any, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"id": "evt_1"}\n{"id": "evt_2", "mode": "live"}\n')
    arguments = ("replay", "--file", str(path), "--connection", "shop")
    unasked = app.run(*arguments)
    assert unasked.code == 2
    assert "Believe the events of this file as if shop had listed them?" in unasked.err
    shown = app.run(*arguments, "--dry-run", "--json")
    assert shown.code == 1, "one of them is of another mode"
    assert json.loads(shown.out)["run"] == ""
    assert app.database.deliveries == {}
    done = json.loads(app.run(*arguments, "--yes", "--json").out)
    assert (done["failed"], done["unchanged"]) == (1, 1)
    assert [row.source for row in app.database.deliveries.values()] == ["listed"]
    assert json.loads(app.run("runs", "show", done["run"], "--json").out)["run"]["state"] == "finished"
    assert app.run("replay", "--file", str(tmp_path / "none"), "--connection", "shop", "--yes").code == 2
    assert app.run("replay", "--file", str(path)).code == 2
    assert app.run("replay", "--file", str(path), "--from-provider", "--connection", "shop").code == 2


def test_a_provider_that_lists_nothing_has_no_passes(app: Any) -> None:
    ended = app.run("reconcile", "--json")
    assert ended.code == 0
    assert json.loads(ended.out)["passes"] == []
    assert app.run("reconcile", "nowhere").code == 1
    assert app.run("reconcile", "--resume", "run_none").code == 1
    assert app.run("reconcile", "--resume", "run_none", "--repair").code == 2
    assert app.run("replay", "--from-provider", "--connection", "shop", "--yes").code == 2
