"""Locks by lane, so that work of one process on one lane queues instead of conflicting."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from types import TracebackType

import attrs


@attrs.define
class _Entry:
    lock: asyncio.Lock
    users: int = 0


class LaneLocks:
    """One lock a lane, made when first wanted and forgotten when nobody wants it."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    def hold(self, lanes: Iterable[str]) -> _Hold:
        """Hold the locks of these lanes: `async with` yields whether any had to be waited for.

        They are taken in order, so that two holders cannot deadlock.
        """
        return _Hold(self._entries, sorted({*lanes}))


class _Hold:
    # A class and not a generator: half of what a generator costs is spent on what is not needed here.
    __slots__ = ("_entries", "_held", "_names")

    def __init__(self, entries: dict[str, _Entry], names: list[str]) -> None:
        self._entries = entries
        self._names = names
        self._held: list[asyncio.Lock] = []

    async def __aenter__(self) -> bool:
        wanted, waited = [], False
        for name in self._names:
            entry = self._entries.get(name)
            if entry is None:
                entry = self._entries[name] = _Entry(asyncio.Lock())
            # A lock that was just let go of looks free, though the next in line has it as good as taken.
            waited = waited or entry.users > 0
            entry.users += 1
            wanted.append(entry.lock)
        try:
            for lock in wanted:
                await lock.acquire()
                self._held.append(lock)
        except BaseException:
            self._let_go()
            raise
        return waited

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._let_go()

    def _let_go(self) -> None:
        for lock in self._held:
            lock.release()
        for name in self._names:
            entry = self._entries[name]
            entry.users -= 1
            if not entry.users:
                del self._entries[name]
