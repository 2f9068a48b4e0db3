"""The code of docs/credits.md runs as it stands there, one block after the other."""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, cast

from purchase_core import Billing
from purchase_core.access.purse import NAMED_LOTS_MAX
from purchase_core.ports.store import TABLES
from purchase_core.records.movement import Figures
from purchase_core.testing.plugins import MemoryPlugin

PAGE = (Path(__file__).parents[1] / "docs" / "credits.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
CONFIG: dict[str, object] = {"store": {"plugin": "memory"}}


async def run(source: str, names: dict[str, object]) -> None:
    """Run one block, which may await."""
    code = compile(source, "credits.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    found = eval(code, names)  # noqa: S307  # our own page
    if found is not None:
        await cast("Coroutine[Any, Any, None]", found)


def test_the_examples_run_and_come_to_what_they_say() -> None:
    """The catalog first, then what is done with it."""
    catalog, *others = BLOCKS

    async def scene() -> None:
        names: dict[str, object] = {}
        await run(catalog, names)
        opening = Billing.open(catalog=cast("Any", names["catalog"]), config=CONFIG, plugins=[MemoryPlugin()])
        async with opening as billing:
            names["billing"] = billing
            for block in others:
                await run(block, names)

    asyncio.run(scene())
    assert len(others) == 5


def test_the_page_names_every_table_and_account_and_the_limit() -> None:
    """What it says of the database is what is there."""
    named = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    ledger = {one.TABLE for one in TABLES if one.__module__.endswith("ledger_rows")}
    assert set(named) == {"lots", "movements", *ledger}
    assert all(f"`{account}`" in PAGE for account in Figures().balances())
    assert f"more than {NAMED_LOTS_MAX} lots" in PAGE
