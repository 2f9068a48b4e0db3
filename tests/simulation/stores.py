"""Real stores for histories, each empty: `--store tests.simulation.stores:sqlite`, `:postgres` or `:d1`."""

from __future__ import annotations

import atexit
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache

from purchase_contract_tests.equivalence.engine import Engine, MakeDatabase
from purchase_core.ports.store import Store
from purchase_core.testing.simulation.ashore import ashore, wait_for
from tests.equivalence import engines


def sqlite() -> Store:
    """A file."""
    return _opened(engines.sqlite)


def postgres() -> Store:
    """A schema of a server that all histories of a process share."""
    return _opened(engines.postgres)


def d1() -> Store:
    """Tables of their own in a database of the real engine, which all histories of a process share."""
    return _opened(engines.d1)


@cache
def _running(engine: Engine) -> MakeDatabase:
    """The engine, for as long as the process lives."""
    atexit.register(close)
    return wait_for(_stack().enter_async_context(engine()))


@cache
def _stack() -> AsyncExitStack:
    return AsyncExitStack()


def close() -> None:
    """Stop the engines that were begun."""
    _running.cache_clear()
    wait_for(_stack().aclose())
    _stack.cache_clear()


def _opened(engine: Engine) -> Store:
    @asynccontextmanager
    async def opening() -> AsyncIterator[Store]:
        async with make() as open_store, open_store() as store:
            yield store

    make = _running(engine)
    return ashore(opening)
