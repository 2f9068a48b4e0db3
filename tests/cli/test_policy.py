"""`purchase policy`: what is in force, and what another policy would change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from purchase_core.cli.exit_codes import OK
from tests.faults.shop import Shop, run
from tests.reads.books import sold_books


def test_what_another_policy_would_change_is_counted_and_shown(app: Any, tmp_path: Path) -> None:
    shop = Shop()

    async def scene() -> None:
        async with shop:
            await sold_books(shop)

    run(scene)
    app.module.factory = shop.unopened
    (tmp_path / "new.toml").write_text("[access.products.book]\nrevoke_on_partial_refund = true\n")
    ended = app.run("policy", "what-if", "--policy", str(tmp_path / "new.toml"), "--samples", "1")
    assert ended.code == OK
    for word in ("would change", "feature:book", "c0", "book 1 -> 0"):
        assert word in ended.out
    assert "7 customers, 3 would change" in ended.err
    document = json.loads(app.run("policy", "what-if", "--policy", str(tmp_path / "new.toml"), "--json").out)
    assert (document["changed"], len(document["samples"])) == (3, 3)
    shown = app.run("policy", "show")
    assert "past_due_grace_seconds" in shown.out
    assert json.loads(app.run("policy", "show", "--json").out)["policy"]["hash"] in shown.err
