"""A line between a store and its server that can be cut: at a word, or after so many bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg.conninfo import conninfo_to_dict, make_conninfo

SYNC = b"S\x00\x00\x00\x04"  # asks the server to answer now
CHUNK_BYTES = 1 << 16


class Line:
    """Stands between; passes everything on until it is told to cut.

    `cut_at`: cut when the store says this word. `passes_on`: the server still hears it, and acts, before the
    line is cut; nobody hears its answer. `cut_after`: cut after this many bytes from the store, of which the
    server has heard; `cut_answer_after`: after this many from the server. `cuts_left` bounds how often.
    `sent`, `answered`: bytes so far.
    """

    def __init__(self, address: str) -> None:
        parts = conninfo_to_dict(address)
        self._host, self._port = str(parts.get("host") or "127.0.0.1"), int(parts.get("port") or 5432)
        self.cut_at = b""
        self.passes_on = True
        self.cut_after: int | None = None
        self.cut_answer_after: int | None = None
        self.cuts_left = 1
        self.sent = self.answered = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def listening(self, address: str) -> AsyncIterator[str]:
        """The address under which the server is reached through this line."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            yield make_conninfo(address, host="127.0.0.1", port=port, sslmode="disable", gssencmode="disable")
        finally:
            server.close()
            for one in self._writers:
                one.close()  # whoever reads on the other side comes to the end
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def count_anew(self) -> None:
        """Count bytes from here."""
        self.sent = self.answered = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            self._tasks.add(task)
        if self._host.startswith("/"):
            path = f"{self._host}/.s.PGSQL.{self._port}"
            up_reader, up_writer = await asyncio.open_unix_connection(path)
        else:
            up_reader, up_writer = await asyncio.open_connection(self._host, self._port)
        self._writers |= {writer, up_writer}
        down = asyncio.create_task(self._answers(up_reader, writer))
        self._tasks.add(down)
        try:
            while data := await reader.read(CHUNK_BYTES):
                keep = self._kept(data)
                if keep is not None:
                    down.cancel()  # whatever the server answers, nobody hears it
                    await asyncio.gather(down, return_exceptions=True)
                    up_writer.write(data[:keep])
                    if self.cut_at and self.passes_on:
                        up_writer.write(SYNC)
                        await up_writer.drain()
                        await up_reader.read(1)  # it has answered, so it is done
                    break
                up_writer.write(data)
                await up_writer.drain()
        finally:
            for one in (writer, up_writer):
                one.close()

    def _kept(self, data: bytes) -> int | None:
        """How many of these bytes the server hears before the line is cut; None: it is not."""
        before, self.sent = self.sent, self.sent + len(data)
        if not self.cuts_left:
            return None
        if self.cut_at and self.cut_at in data:
            self.cuts_left -= 1
            return len(data) if self.passes_on else 0
        if self.cut_after is not None and self.sent > self.cut_after:
            self.cuts_left -= 1
            return max(0, self.cut_after - before)
        return None

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK_BYTES):
            before, self.answered = self.answered, self.answered + len(data)
            if self.cuts_left and self.cut_answer_after is not None and self.answered > self.cut_answer_after:
                self.cuts_left -= 1
                writer.write(data[: max(0, self.cut_answer_after - before)])
                break
            writer.write(data)
            await writer.drain()
        writer.close()
