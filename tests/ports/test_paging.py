"""Reading on from page to page: everything once, and an end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from purchase_core.ports.paging import every, pages

ROWS_MAX = 3


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 6, 7])
def test_everything_is_told_once_in_order_and_a_page_that_is_not_full_is_the_last(count: int) -> None:
    """Also where the last page is full, so that the next one is empty."""
    asked: list[int] = []

    async def read(behind: int) -> Sequence[int]:
        asked.append(behind)
        return [one for one in range(1, count + 1) if one > behind][:ROWS_MAX]

    async def played() -> tuple[list[int], list[int]]:
        one_by_one = [one async for one in every(read, lambda one: one, 0, rows_max=ROWS_MAX)]
        sizes = [len(page) async for page in pages(read, lambda one: one, 0, rows_max=ROWS_MAX)]
        return one_by_one, sizes

    one_by_one, sizes = asyncio.run(played())
    assert one_by_one == list(range(1, count + 1))
    assert sum(sizes) == count
    assert 0 not in sizes
    assert asked == [*range(0, count + 1, ROWS_MAX)] * 2
