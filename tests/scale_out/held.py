"""The worker that comes back after its lease: held up over an effect until all others are done with its lane.

A process that is stopped anywhere rarely stands just there. So one is told to: the first that tells a hot
customer of something waits, others take over when its lease runs out, and it says last what it did first.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

HOT = "_hot"
LOOK_SECONDS = 0.05


class Hold:
    """What the world and all processes know of it: two files beside their journal."""

    def __init__(self, journal: str) -> None:
        self._asked = Path(f"{journal}.hold")
        self._over = Path(f"{journal}.over")

    def ask(self) -> None:
        """Whoever tells a hot customer next is to wait."""
        self._asked.touch()

    @property
    def asked(self) -> bool:
        """Whether nobody has begun to wait yet."""
        return self._asked.exists()

    def end(self) -> None:
        """Let them go on."""
        self._over.touch()

    def takes(self, lane: str) -> bool:
        """Whether this process, which tells this lane, is the one to wait: the first that asks is."""
        if not lane.endswith(HOT):
            return False
        try:
            self._asked.unlink()
        except FileNotFoundError:
            return False
        return True

    async def wait(self) -> None:
        """Wait until the world says that it is over."""
        while not self._over.exists():
            await asyncio.sleep(LOOK_SECONDS)

    def forget(self) -> None:
        """Leave no file."""
        self._asked.unlink(missing_ok=True)
        self._over.unlink(missing_ok=True)
