"""The raw limit: the same statements with the same parameters, by bare sqlite3 and nothing else.

What the store executes is recorded once, on which connection and within which transactions. The replay
opens the same file with the same settings and executes just that: same schema, same PRAGMAs, same groups.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

Statement: TypeAlias = tuple[bool, str, tuple[object, ...]]
"""(whether the writer executed it, text, parameters)"""


class Recording:
    """Takes down every statement. The writer has a thread of its own; all else is read on the caller's."""

    def __init__(self) -> None:
        self.statements: list[Statement] = []
        self.on = False
        self._caller = threading.get_ident()

    def __call__(self, text: str, values: Sequence[object]) -> None:
        if self.on:
            self.statements.append((threading.get_ident() != self._caller, text, tuple(values)))

    def transactions(self) -> int:
        """How many transactions wrote something."""
        return sum(1 for writes, text, _ in self.statements if writes and text.startswith("COMMIT"))


def replay(path: Path, statements: Sequence[Statement]) -> float:
    """Execute the statements on the file, and return how many seconds that took."""
    writer = sqlite3.connect(path, isolation_level=None, cached_statements=256)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("PRAGMA synchronous = FULL")
    writer.execute("PRAGMA temp_store = MEMORY")
    reader = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, cached_statements=256
    )
    plan = [
        (writer.execute if writes else reader.execute, text, values) for writes, text, values in statements
    ]
    started = time.perf_counter()
    for execute, text, values in plan:
        execute(text, values).fetchall()
    took = time.perf_counter() - started
    reader.close()
    writer.close()
    return took
