"""A Paddle simulator that runs in the present event loop, on loopback, for as long as a block lasts."""

from __future__ import annotations

from starlette.types import ASGIApp

from purchase_simulators.paddle.sender import Notice, NotificationSender
from purchase_simulators.paddle.simulator import PaddleSimulator
from purchase_simulators.wire.embedded import LOOPBACK
from purchase_simulators.wire.running import BackgroundServer

from .app import application


class PaddleServer(BackgroundServer[NotificationSender]):
    """Serves a simulator. `app` is what is served, if it is not the simulator's application as such.

    `notice` hears of every try of a notification.
    """

    def __init__(
        self,
        simulator: PaddleSimulator,
        *,
        host: str = LOOPBACK,
        port: int = 0,
        expose: bool = False,
        deliver: bool = True,
        app: ASGIApp | None = None,
        notice: Notice | None = None,
    ) -> None:
        self.simulator = simulator
        super().__init__(
            app or application(simulator),
            lambda url: NotificationSender(simulator, notice=notice),
            simulator.listeners,
            host=host,
            port=port,
            expose=expose,
            deliver=deliver,
            date_header=False,
        )
