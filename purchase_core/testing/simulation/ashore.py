"""Ashore: a real store for a simulation. It runs on a thread of its own, and each call is waited for.

So one call is made at a time, nothing of it has a turn in the simulation, and one seed is one history on
every store.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import cache
from typing import Any, TypeVar, cast

from purchase_core.ports.store import Store

T = TypeVar("T")


def ashore(opening: Callable[[], AbstractAsyncContextManager[Store]]) -> Store:
    """A store that `opening` opens, with its tables made; `aclose` leaves what it has entered."""
    return cast("Store", _Ashore(opening))


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """Have something done on that thread, and wait for it."""
    return asyncio.run_coroutine_threadsafe(work, _loop()).result()


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="purchase-simulation", daemon=True).start()
    return loop


class _Ashore:
    sole_writer = False

    def __init__(self, opening: Callable[[], AbstractAsyncContextManager[Store]]) -> None:
        self._stack = AsyncExitStack()
        self._store = wait_for(self._stack.enter_async_context(opening()))
        wait_for(self._store.migrate())

    def __getattr__(self, name: str) -> Any:
        behind = getattr(self._store, name)

        async def called(*arguments: Any, **named: Any) -> Any:
            return wait_for(behind(*arguments, **named))

        self.__dict__[name] = called
        return called

    async def aclose(self) -> None:
        """Close the store, and leave what was entered for it."""
        wait_for(self._stack.aclose())
