"""A sandbox that runs in the present event loop, on loopback, for as long as a block lasts."""

from __future__ import annotations

from purchase_sandbox.sandbox import Sandbox
from purchase_simulators.wire.embedded import LOOPBACK
from purchase_simulators.wire.running import SimulatorServer
from purchase_simulators.wire.sender import Notice

from .app import application


class SandboxServer(SimulatorServer):
    """`async with SandboxServer(sandbox) as server:` serves it at `server.url` until the block ends."""

    def __init__(
        self,
        sandbox: Sandbox | None = None,
        *,
        host: str = LOOPBACK,
        port: int = 0,
        expose: bool = False,
        deliver: bool = True,
        notice: Notice | None = None,
    ) -> None:
        self.sandbox = sandbox or Sandbox()
        super().__init__(
            self.sandbox,
            application(self.sandbox),
            host=host,
            port=port,
            expose=expose,
            deliver=deliver,
            notice=notice,
        )
