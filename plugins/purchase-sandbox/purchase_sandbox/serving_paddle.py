"""`purchase sandbox serve --provider paddle`: the Paddle simulator in a process of its own."""

from __future__ import annotations

import asyncio
import secrets

import click
import msgspec

from purchase_core.cli.output import SCHEMA_VERSION, say
from purchase_core.secret import Secret
from purchase_simulators.paddle.book import Event
from purchase_simulators.paddle.notifications import EVENT_TYPES
from purchase_simulators.paddle.requests import NotificationSetting
from purchase_simulators.paddle.server.running import PaddleServer
from purchase_simulators.paddle.settings import Settings
from purchase_simulators.paddle.simulator import PaddleSimulator
from purchase_simulators.wire.chaos import Chaos, parse_odds

from .serving import Serving

SECRET_BYTES = 24


async def serve(asked: Serving) -> None:
    """Serve until the process is interrupted."""
    simulator = PaddleSimulator(chaos=Chaos(asked.seed, parse_odds(asked.odds)))
    key = asked.api_key or Secret(f"pdl_sdbx_apikey_{secrets.token_hex(SECRET_BYTES)}")
    settings = Settings()
    if asked.approve_refunds:
        settings.approval = None
    account = simulator.open_account(asked.account, [key], settings)
    shown = {} if asked.api_key else {"API key": key.reveal()}
    if asked.webhook_url:
        setting = account.notifications.add(
            NotificationSetting(
                description="purchase sandbox serve",
                type="url",
                destination=asked.webhook_url,
                subscribed_events=sorted(EVENT_TYPES),
            )
        )
        if asked.webhook_secret:
            setting["endpoint_secret_key"] = asked.webhook_secret.reveal()
        else:
            shown["Webhook secret"] = setting["endpoint_secret_key"]
    told = _Telling(as_json=asked.as_json)
    simulator.listeners.append(told.event)
    async with PaddleServer(simulator, host=asked.host, port=asked.port, expose=asked.expose) as server:
        settings.default_checkout_url = f"{server.url}/checkout"
        told.ready(server.url, asked.webhook_url, shown)
        await asyncio.Event().wait()


class _Telling:
    """Lines of what happens: for people, or one JSON document a line."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def ready(self, url: str, webhook_url: str, shown: dict[str, str]) -> None:
        """The addresses, and secrets that were made here and are shown this once."""
        if self._as_json:
            made = {name.lower().replace(" ", "_"): value for name, value in shown.items()}
            self._line({"ready": url, "webhook_url": webhook_url, **made})
            return
        for name, value in {"Paddle": url, **shown, "Webhooks to": webhook_url or "nowhere"}.items():
            say(f"{name.ljust(15)} {value}")
        say("This is not Paddle, and no money moves. Everything is forgotten at the end. Stop with ^C.")

    def event(self, event: Event) -> None:
        """Something happened."""
        about = str(event.data.get("id", ""))
        if self._as_json:
            occurred = {
                "event": event.id,
                "type": event.type,
                "object": about,
                "occurred_at": event.occurred_at,
            }
            self._line(occurred)
        else:
            click.echo(f"{event.occurred_at[:19]}  {event.type.ljust(28)} {about}")

    def _line(self, document: dict[str, str]) -> None:
        click.echo(msgspec.json.encode({"schema_version": SCHEMA_VERSION, **document}).decode())
