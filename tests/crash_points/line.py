"""The line between a store and Postgres: counts what the client says, and is cut at one message."""

from __future__ import annotations

import asyncio
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from psycopg.conninfo import conninfo_to_dict, make_conninfo

WANTING_ANSWER = b"SQp"  # Sync, Query, and a password: the client waits after each
SETTLE_SECONDS_MAX = 60.0


class Line:
    """What happens once, at one message; later connections go through.

    `cut`: it is not passed on. `lost`: it is done, and nobody hears of it. `kill`: that, and the client dies.
    """

    def __init__(self, address: str, *, harm: str = "", number: int = 0) -> None:
        self._address = address
        parts = conninfo_to_dict(address)
        self._host, self._port = str(parts.get("host") or "127.0.0.1"), int(parts.get("port") or 5432)
        self._harm = harm
        self._number = number
        self.kill: Callable[[], None] = lambda: None
        self.counts: Counter[str] = Counter()
        self.done = False
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """The address of this end."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            yield make_conninfo(
                self._address, host="127.0.0.1", port=port, sslmode="disable", gssencmode="disable"
            )
        finally:
            server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        up_reader, up_writer = await self._connected()
        down = asyncio.create_task(_pump(up_reader, writer))
        try:
            await self._pass_on(reader, up_reader, up_writer, down)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
            pass  # whichever end was first
        finally:
            down.cancel()
            for one in (up_writer, writer):
                one.close()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._host.startswith("/"):
            return await asyncio.open_unix_connection(f"{self._host}/.s.PGSQL.{self._port}")
        return await asyncio.open_connection(self._host, self._port)

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        up_reader: asyncio.StreamReader,
        up_writer: asyncio.StreamWriter,
        down: asyncio.Task[None],
    ) -> None:
        first = True
        while True:
            kind = b"" if first else await reader.readexactly(1)
            head = await reader.readexactly(4)
            message = kind + head + await reader.readexactly(struct.unpack("!I", head)[0] - 4)
            harm = "" if kind == b"X" else self._harm_at(wants_answer=first or kind in WANTING_ANSWER)
            first = False
            if harm == "cut":
                return
            if harm:
                down.cancel()  # whatever the server answers, nobody hears it
                await asyncio.gather(down, return_exceptions=True)
                await _done(up_reader, up_writer, message)
                if harm == "kill":
                    self.kill()
                return
            up_writer.write(message)
            await up_writer.drain()

    def _harm_at(self, *, wants_answer: bool) -> str:
        self.counts["cut"] += 1
        if wants_answer:
            self.counts["lost"] += 1
            self.counts["kill"] += 1
        counted = self._harm == "cut" or wants_answer
        if not self.done and counted and self._harm and self.counts[self._harm] == self._number:
            self.done = True
            return self._harm
        return ""


async def _done(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: bytes) -> None:
    """Send a message, and wait until the server has done what it was told, and has hung up."""
    writer.write(message)
    writer.write_eof()
    with suppress(TimeoutError, OSError):
        async with asyncio.timeout(SETTLE_SECONDS_MAX):
            while await reader.read(1 << 16):
                pass


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()
