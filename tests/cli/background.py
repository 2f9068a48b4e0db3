"""A command that waits for an answer, run in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any


@contextmanager
def in_background(harness: Any) -> Iterator[None]:
    """The simulator, in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(harness.__aenter__(), loop).result(60)
        yield
        asyncio.run_coroutine_threadsafe(harness.__aexit__(None, None, None), loop).result(60)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
