"""The processes, and what is done to them: they are killed or held up, and their server is restarted."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from types import TracebackType
from typing import Self

import attrs
import msgspec
from msgspec.structs import replace

from purchase_postgres.testing import Server
from tests.scale_out.application import ASKED, live
from tests.scale_out.messages import Answer, Ask, Life, Tally

PROCESSES = 4
ANSWER_SECONDS_MAX = 30.0
PAUSE_SECONDS_MAX = 0.4
STALL_SECONDS = 140  # by the fast clock: a delivery is leased for 60, a mailbox for 90
HARMS = ("kill", "stall", "kill", "crash", "kill", "kill", "stall", "kill", "restart", "kill")
JSON = {"content-type": "application/json"}


class Unanswered(Exception):
    """Nobody was there, or whoever was there is gone."""


@attrs.define(eq=False)
class Crowd:
    """So many processes, each of which is followed by another when it dies."""

    life: Life
    server: Server
    folder: str
    chance: random.Random
    tally: Tally
    count: int = PROCESSES
    _members: list[ForkServerProcess] = attrs.field(factory=list)
    _lives: int = 0

    async def __aenter__(self) -> Self:
        for place in range(self.count):
            self._members.append(self._born(place))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in self._members:
            one.kill()
            one.join()

    def _socket(self, place: int) -> str:
        return f"{self.folder}/{place}.sock"

    def _born(self, place: int) -> ForkServerProcess:
        context = get_context("forkserver")
        context.set_forkserver_preload([live.__module__])
        self._lives += 1
        process = context.Process(
            target=live,
            args=(replace(self.life, number=self._lives, socket=self._socket(place)),),
            daemon=True,
        )
        process.start()
        return process

    # --- asked -------------------------------------------------------------------------------

    async def ask(self, ask: Ask) -> Answer:
        """Ask any of them until it is done. What is odd comes back as it is."""
        while True:
            try:
                _, body = await self._posted(ASKED, msgspec.json.encode(ask), JSON)
                answer = msgspec.json.decode(body, type=Answer)
            except (Unanswered, msgspec.DecodeError):
                self.tally.again += 1
            else:
                if answer.odd or not answer.error:
                    return answer
            await self._pause()

    async def deliver(self, path: str, body: bytes, headers: Mapping[str, str]) -> bool:
        """One try to hand over a webhook to any of them; whether it was taken."""
        self.tally.sent += 1
        try:
            status, _ = await self._posted(path, body, headers)
        except Unanswered:
            status = 0
        if 200 <= status < 300:
            return True
        self.tally.again += 1
        await self._pause()
        return False

    async def _pause(self) -> None:
        await asyncio.sleep(self.chance.uniform(0, PAUSE_SECONDS_MAX))

    async def _posted(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """A request on a line of its own. Raises Unanswered."""
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        request = (
            f"POST {path} HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n"
            f"{head}content-length: {len(body)}\r\n\r\n"
        )
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                place = self.chance.randrange(self.count)
                reader, writer = await asyncio.open_unix_connection(self._socket(place))
                try:
                    writer.write(request.encode() + body)
                    await writer.drain()
                    answer = await reader.read()
                finally:
                    writer.close()
        except (OSError, TimeoutError) as error:
            raise Unanswered from error
        top, _, rest = answer.partition(b"\r\n\r\n")
        if not top.startswith(b"HTTP/1.1 "):
            raise Unanswered
        if b"transfer-encoding: chunked" in top.lower():
            rest = _joined(rest)
        return int(top[9:12]), rest

    # --- harmed ------------------------------------------------------------------------------

    async def storm(self, every_seconds: float, *, begin: int) -> None:
        """Do harm every so often, each kind in its turn from `begin` on, until cancelled."""
        place = begin
        while True:
            await asyncio.sleep(every_seconds * self.chance.uniform(0.7, 1.3))
            await self._harm(HARMS[place % len(HARMS)])
            place += 1

    async def _harm(self, harm: str) -> None:
        place = self.chance.randrange(self.count)
        if harm == "kill":
            self._members[place].kill()
            await asyncio.to_thread(self._members[place].join)
            self._members[place] = self._born(place)
            self.tally.kills += 1
        elif harm == "stall":
            await self._stall(self._members[place])
        else:
            mode = "immediate" if harm == "crash" else "fast"
            await asyncio.to_thread(self.server.restart, mode)
            self.tally.crashes += harm == "crash"
            self.tally.restarts += harm == "restart"

    async def _stall(self, process: ForkServerProcess) -> None:
        assert process.pid is not None
        self.tally.stalls += 1
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGSTOP)
            try:
                await asyncio.sleep(STALL_SECONDS / self.life.speed)
            finally:
                os.kill(process.pid, signal.SIGCONT)


def _joined(chunked: bytes) -> bytes:
    """The body that was sent in chunks."""
    parts: list[bytes] = []
    while chunked:
        size, _, rest = chunked.partition(b"\r\n")
        length = int(size or b"0", 16)
        parts.append(rest[:length])
        chunked = rest[length + 2 :] if length else b""
    return b"".join(parts)
