"""Code of a page of the documentation, run as it stands there."""

from __future__ import annotations

import ast
import re
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, cast

DOCS = Path(__file__).parents[1] / "docs"


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page in one language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


async def run_block(source: str, names: dict[str, Any]) -> None:
    """Run a block, which may await, in these names; what it binds is found there afterwards."""
    code = compile(source, "page", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    found = eval(code, names)  # noqa: S307  # our own page
    if found is not None:
        await cast("Coroutine[Any, Any, None]", found)
