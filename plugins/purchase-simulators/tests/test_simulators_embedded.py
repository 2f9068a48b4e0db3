"""The server inside a program leaves nothing behind, whoever connects while it stops."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

import pytest
from starlette.responses import PlainTextResponse

from purchase_simulators.wire.embedded import EmbeddedServer


@pytest.mark.parametrize("turns", range(6))
def test_who_is_let_in_while_it_stops_is_closed_like_the_others(turns: int) -> None:
    async def run() -> None:
        server = EmbeddedServer(PlainTextResponse("here"))
        await server.start()
        running = server._server
        assert running is not None
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as guest:
            for _ in range(turns):
                await asyncio.sleep(0)
            await server.stop()
            assert running.server_state.connections == set()
            guest.settimeout(10)
            with suppress(ConnectionResetError):  # it was not even let in
                assert guest.recv(1) == b""

    asyncio.run(run())
