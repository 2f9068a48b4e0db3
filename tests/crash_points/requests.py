"""The way between a store and D1: counts the requests, and is broken at one of them.

A request is one batch, so there is nothing smaller that could go wrong: it does not arrive, or it is done and
nobody hears of it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

HEAD_BYTES_MAX = 1 << 16
LENGTH = b"content-length:"
HARMS = ("cut", "lost", "mute", "kill")
MUTE_REQUESTS = 2
"""As often as the worker's store tries: then it has to give up."""


class Requests:
    """What happens once, at one request.

    `cut`: it does not arrive. `lost`: it is done, and its answer is lost. `mute`: so are those after it,
    until the store gives up. `kill`: it is done, and the client dies.
    """

    def __init__(self, address: str, *, harm: str = "", number: int = 0) -> None:
        parts = urlsplit(address)
        self._host, self._port = str(parts.hostname), int(parts.port or 80)
        self._harm = harm
        self._number = number
        self._seen = 0
        self.kill: Callable[[], None] = lambda: None
        self.done = False
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def counts(self) -> Counter[str]:
        """How many requests there were at which each could happen."""
        return Counter(dict.fromkeys(HARMS, self._seen))

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """The address of this end."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=HEAD_BYTES_MAX)
        port = server.sockets[0].getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        up_reader, up_writer = await asyncio.open_connection(self._host, self._port, limit=HEAD_BYTES_MAX)
        try:
            while True:
                request = await _message(reader)
                harm = self._harm_now()
                if harm == "cut":
                    return
                up_writer.write(request)
                answer = await _message(up_reader)
                if harm == "kill":
                    self.kill()
                if harm:
                    return
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
            pass  # whichever end was first
        finally:
            for one in (up_writer, writer):
                one.close()

    def _harm_now(self) -> str:
        self._seen += 1
        last = self._number + (MUTE_REQUESTS if self._harm == "mute" else 1)
        if not (self._harm and self._number <= self._seen < last):
            return ""
        self.done = True
        return self._harm


async def _message(reader: asyncio.StreamReader) -> bytes:
    """One request or answer, whole."""
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line[len(LENGTH) :] for line in head.lower().split(b"\r\n") if line.startswith(LENGTH)]
    if lengths:
        return head + await reader.readexactly(int(lengths[0]))
    parts = [head]  # in chunks, as workerd answers; each says how long it is, and the last one is empty
    while True:
        size = await reader.readuntil(b"\r\n")
        parts += [size, await reader.readexactly(int(size, 16) + 2)]
        if int(size, 16) == 0:
            return b"".join(parts)
