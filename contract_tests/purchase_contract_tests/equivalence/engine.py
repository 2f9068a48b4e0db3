"""What stores to compare are opened by. An adapter's author writes one such function.

An engine is a context (a server, if there must be one) that gives what makes empty databases; each of these
is a context that gives what opens a store over it, any number of times.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeAlias

from purchase_core.ports.store import Store
from purchase_core.testing.memory_store import MemoryDatabase, MemoryStore

OpenStore: TypeAlias = Callable[[], AbstractAsyncContextManager[Store]]
MakeDatabase: TypeAlias = Callable[[], AbstractAsyncContextManager[OpenStore]]
Engine: TypeAlias = Callable[[], AbstractAsyncContextManager[MakeDatabase]]


@asynccontextmanager
async def memory() -> AsyncIterator[MakeDatabase]:
    """The reference store."""

    @asynccontextmanager
    async def database() -> AsyncIterator[OpenStore]:
        held = MemoryDatabase()
        yield lambda: MemoryStore(held)

    yield database
