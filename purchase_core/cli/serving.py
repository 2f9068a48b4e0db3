"""Commands that run until they are told to stop: ^C and SIGTERM end them alike, and all of it is closed."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


def run_until_stopped(work: Coroutine[Any, Any, T]) -> T:
    """Run it to its end. Raises KeyboardInterrupt once it was stopped and has cleaned up."""
    try:
        return asyncio.run(_stoppable(work))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _stoppable(work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  # this is one
    with suppress(NotImplementedError):  # on Windows, SIGTERM ends the process at once
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await work
