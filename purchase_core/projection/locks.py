"""Locks by lane, so that work of one process on one lane queues instead of conflicting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import attrs


@attrs.define
class _Entry:
    lock: asyncio.Lock
    users: int = 0


class LaneLocks:
    """One lock a lane, made when first wanted and forgotten when nobody wants it."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    @asynccontextmanager
    async def hold(self, lanes: Iterable[str]) -> AsyncIterator[bool]:
        """Hold the locks of these lanes; yields whether any had to be waited for.

        They are taken in order, so that two holders cannot deadlock.
        """
        names = sorted(set(lanes))
        entries = [self._entries.setdefault(name, _Entry(asyncio.Lock())) for name in names]
        for entry in entries:
            entry.users += 1
        held: list[asyncio.Lock] = []
        waited = any(entry.lock.locked() for entry in entries)
        try:
            for entry in entries:
                await entry.lock.acquire()
                held.append(entry.lock)
            yield waited
        finally:
            for lock in held:
                lock.release()
            for name, entry in zip(names, entries, strict=True):
                entry.users -= 1
                if not entry.users:
                    del self._entries[name]
