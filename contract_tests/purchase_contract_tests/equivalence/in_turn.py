"""A store whose calls are answered in the order in which they were made, however long each takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

from purchase_core.ports.store import Store

PAUSES = 20  # turns of the loop: more than anybody needs from one answer to the next question


class InTurn:
    """One call at a time, first come first.

    Those who ask at the same time would else be decided in the order in which a database happens to answer
    their reads, and that is no part of a history. Before each call everybody else runs until they wait: a
    store in memory, which never lets anybody else run, would else finish with one before the next has begun.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turn = asyncio.Lock()  # it is given in the order in which it was asked for

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        call = getattr(self._store, name)

        async def answered(*values: object, **named: object) -> Any:
            async with self._turn:
                for _ in range(PAUSES):
                    await asyncio.sleep(0)
                return await call(*values, **named)

        return answered


def in_turn(store: Store) -> Store:
    """The store, for those who ask at the same time."""
    return cast("Store", InTurn(store))
