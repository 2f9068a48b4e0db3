"""A list without an end breaks the promise that reads it, also where nothing in it ever waits."""

from __future__ import annotations

import asyncio

import pytest

from purchase_contract_tests.provider.pages import PAGES_MAX, pages
from purchase_core.ports.provider import ProductPage


def test_a_list_is_read_to_its_end() -> None:
    told = {"": "a", "a": "b", "b": ""}

    async def read(cursor: str) -> ProductPage:
        return ProductPage((), told[cursor])

    async def cursors() -> list[str]:
        return [page.cursor async for page in pages(read)]

    assert asyncio.run(cursors()) == ["a", "b", ""]


def test_a_list_that_leads_in_circles_is_left() -> None:
    asked: list[str] = []

    async def read(cursor: str) -> ProductPage:
        asked.append(cursor)
        return ProductPage((), "again")

    async def walk() -> None:
        async for _ in pages(read):
            pass

    with pytest.raises(AssertionError, match="does not end"):
        asyncio.run(walk())
    assert len(asked) == PAGES_MAX
