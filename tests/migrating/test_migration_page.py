"""docs/migrating-providers.md: its commands and its code run as they stand there, over both simulators."""

from __future__ import annotations

import ast
import asyncio
import json
import re
import shlex
import sys
from collections.abc import Coroutine
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest

from purchase_core.cli.main import run
from purchase_core.workflows.checkout import Checkout
from purchase_core.workflows.moves import Phase
from tests.migrating.two_sides import TwoSides, sqlite_in

PAGE = (Path(__file__).parents[2] / "docs" / "migrating-providers.md").read_text()
CUSTOMERS = [f"user_{number}" for number in range(1, 5)]


def commands() -> list[str]:
    blocks = re.findall(r"```\n(.*?)```", PAGE, re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


class CommandLine:
    """The command line of an application over the sides, in a thread: they answer in this one."""

    def __init__(self, sides: TwoSides, capsys: pytest.CaptureFixture[str]) -> None:
        self.sides = sides
        self.capsys = capsys

    async def __call__(self, line: str) -> str:
        words = shlex.split(line)[1:]
        code = await asyncio.to_thread(run, ["--app", "two_sides_app:factory", *words])
        printed = self.capsys.readouterr()
        assert code == 0, printed.err
        return printed.out


def test_the_commands_of_the_page_lead_customers_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    async def scene() -> None:
        async with TwoSides(sqlite_in(tmp_path)) as sides:
            module = ModuleType("two_sides_app")
            vars(module)["factory"] = sides.opening
            monkeypatch.setitem(sys.modules, "two_sides_app", module)
            for customer in CUSTOMERS:
                await sides.subscribe(customer)
            await sides.pass_days()
            await sides.close()
            call = CommandLine(sides, capsys)
            plan, start, status, stop, resume, rest, page = commands()
            assert (await call(plan)).count("\nmove") == len(CUSTOMERS)
            await call(start)
            half = json.loads(await call(f"{status} --json"))["migration"]
            assert 0 < len(half["moves"]) < len(CUSTOMERS)
            assert {one["phase"] for one in half["moves"]} == {"offered"}
            assert all(one["url"] and one["ends_at"].endswith("Z") for one in half["moves"])
            assert "stop" in await call(stop)
            assert re.search(r"stopped +no", await call(resume))
            assert re.search(r"offered +4", await call(rest))
            await call(page)
            assert "<svg" in Path("migration.html").read_text()
            await accepted_as_on_the_page(sides)
            await call(f"{stop} --undo --yes")
            last = json.loads(await call(f"{status} --json"))["migration"]
            assert last["phases"] == {"watched": 3, "switched": 1}

    asyncio.run(scene())


async def accepted_as_on_the_page(sides: TwoSides) -> None:
    """One customer accepts, by the page's own code."""
    await sides.open()
    (source,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, object] = {"billing": sides.billing}
    code = compile(source, "migrating-providers.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    await cast("Coroutine[Any, Any, None]", eval(code, names))  # noqa: S307  # our own page
    checkout = cast("Checkout", names["checkout"])
    assert names["url"] == checkout.url
    sides.accept(checkout.session, "user_1")
    await sides.deliver()
    await sides.close()


def test_the_page_and_the_help_name_every_phase() -> None:
    from purchase_core.cli.commands.migrate_provider import status  # noqa: PLC0415  # as the command line does

    for phase in Phase:
        assert phase.value in (status.help or "")
        assert phase.value in PAGE or phase in (Phase.UNDOING, Phase.LEFT)
