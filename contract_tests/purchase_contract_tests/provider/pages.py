"""Lists that come in pages, read to their end. One that has none breaks its promise, and not the run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar

PAGES_MAX = 200


class Page(Protocol):
    """A page of any list."""

    @property
    def cursor(self) -> str:
        """Where the list goes on; "" at its end."""


P = TypeVar("P", bound=Page)


async def pages(read: Callable[[str], Awaitable[P]]) -> AsyncIterator[P]:
    """Page after page. Raises AssertionError if there is no end within PAGES_MAX.

    The limit of seconds is no help here: an adapter that never waits for anything is never interrupted.
    """
    cursor = ""
    for _ in range(PAGES_MAX):
        page = await read(cursor)
        yield page
        cursor = page.cursor
        if not cursor:
            return
    raise AssertionError(f"the list does not end within {PAGES_MAX} pages")
