"""Paddle on this machine: `LocalProvider` over its simulator."""

from __future__ import annotations

from collections.abc import Mapping

from purchase_core.instants import Clock
from purchase_core.secret import Secret, checked_webhook_secret
from purchase_simulators.wire.local import Happened, LocalProvider, Sent, Wanted

from .book import Event
from .conformance import NOT_PADDLES, compared
from .notifications import EVENT_TYPES
from .played import PlayedPaddle
from .requests import NotificationSetting
from .server.app import application
from .server.running import PaddleServer
from .settings import Settings
from .shapes import Document
from .simulator import DEFAULT_ACCOUNT, PaddleSimulator
from .stamps import read as read_instant

REQUESTS_PER_MINUTE = 10_000  # whoever plays plays fast


class LocalPaddle(LocalProvider):
    """A simulated Paddle Billing."""

    plugin = "paddle"
    title = "Paddle"
    key_prefix = "pdl_sdbx_apikey_"

    def _open(self, wanted: Wanted, clock: Clock) -> PaddleServer:
        simulator = PaddleSimulator(clock=clock, chaos=self.chaos)
        self._settings = Settings(requests_per_minute=REQUESTS_PER_MINUTE)
        if wanted.approve_refunds:
            self._settings.approval = None
        name = wanted.account or DEFAULT_ACCOUNT
        self._account = simulator.open_account(name, [self.api_key], self._settings)
        self.played = PlayedPaddle(simulator, self._account)
        tell, told = wanted.on_event, wanted.on_sent

        def happened(event: Event) -> None:
            if tell:
                at = read_instant("occurred_at", event.occurred_at)
                tell(Happened(event.id, event.type, str(event.data.get("id", "")), at))

        async def sent(notification: Document, status: int, problem: str) -> None:
            if told:
                names = ("id", "type", "status")
                name, type_, state = (str(notification[one]) for one in names)
                event = str(notification["payload"]["event_id"])
                told(Sent(name, event, type_, state, status, problem, simulator.clock.now()))

        simulator.listeners.append(happened)
        documents = wanted.documents
        app = (
            compared(application(simulator), documents, ignored=NOT_PADDLES)
            if documents is not None
            else None
        )
        return PaddleServer(
            simulator, host=wanted.host, port=wanted.port, expose=wanted.expose, app=app, notice=sent
        )

    async def start(self) -> None:
        await super().start()
        self._settings.default_checkout_url = f"{self.url}/checkout"
        self._settings.portal_url = f"{self.url}/portal"

    @property
    def account(self) -> str:
        return self._account.id

    def connect(self, url: str, secret: Secret | None = None) -> Secret:
        setting = self._account.notifications.add(
            NotificationSetting(
                description="On this machine",
                type="url",
                destination=url,
                subscribed_events=sorted(EVENT_TYPES),
            )
        )
        if secret is not None:
            setting["endpoint_secret_key"] = checked_webhook_secret("a webhook secret", secret).reveal()
        return Secret(setting["endpoint_secret_key"])

    def settings(self, checkout_url: str) -> Mapping[str, str]:
        return {"base_url": self.url, "checkout_url": checkout_url}

    def redeliver(self) -> int:
        return len(self._account.notifications.send_again())

    def is_waiting(self) -> bool:
        return self._account.notifications.next_due() is not None

    def payments(self) -> int:
        return sum(
            1
            for row in self._account.book.rows("txn")
            for one in row["payments"]
            if one["status"] == "captured" and int(one["amount"]) > 0
        )
