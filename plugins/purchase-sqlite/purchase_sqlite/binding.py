"""How Python's sqlite3 wants a statement: it binds a sequence to plain `?` alone.

The shared texts number their parameters, so that one may be used twice. Here each use is written as `?`,
and the values are put into the order in which they are used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import TypeAlias

from purchase_sql.shapes import Value

Values: TypeAlias = Sequence[Value]
STATEMENTS_MAX = 512  # more than there are

_NUMBERED = re.compile(r"\?(\d{1,3})")


@lru_cache(STATEMENTS_MAX)
def written_out(text: str) -> tuple[str, Callable[[Values], Values] | None]:
    """A statement with plain parameters, and what puts its values in order; None: they are already."""
    used = [int(number) - 1 for number in _NUMBERED.findall(text)]
    order = None if used == list(range(len(used))) else itemgetter(*used)
    return _NUMBERED.sub("?", text), order


def bound(text: str, values: Values) -> tuple[str, Values]:
    """The statement and its values as the driver takes them."""
    plain, order = written_out(text)
    return plain, values if order is None else order(values)
