"""`purchase sandbox serve`: a provider in a process of its own, which shows what happens."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import attrs
import click
import msgspec

from purchase_core.cli.output import SCHEMA_VERSION, say, time_of
from purchase_core.cli.serving import run_until_stopped
from purchase_core.secret import Secret
from purchase_simulators.wire.chaos import Chaos, parse_odds
from purchase_simulators.wire.comparing import Documents
from purchase_simulators.wire.local import Happened, Sent, Wanted

from .local_providers import local_provider


@attrs.frozen
class Serving:
    """What `serve` was asked for."""

    host: str
    port: int
    expose: bool
    account: str
    api_key: Secret | None
    webhook_url: str
    webhook_secret: Secret | None
    approve_refunds: bool
    seed: int
    odds: str
    as_json: bool
    provider: str = "sandbox"
    specs: Path | None = None


def serve_for_ever(asked: Serving) -> None:
    """Serve until the process is interrupted."""
    # Chaos breaks answers off on purpose; the server need not say each time that it noticed.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    run_until_stopped(_serve(asked))


async def _serve(asked: Serving) -> None:
    provider = local_provider(asked.provider)
    told = Telling(provider.title, as_json=asked.as_json)
    wanted = Wanted(
        host=asked.host,
        port=asked.port,
        expose=asked.expose,
        account=asked.account,
        api_key=asked.api_key,
        approve_refunds=asked.approve_refunds,
        on_event=told.event,
        on_sent=told.sent,
        documents=Documents(asked.specs, told.differs) if asked.specs else None,
    )
    serving = provider(wanted, chaos=Chaos(asked.seed, parse_odds(asked.odds)))
    shown = [] if asked.api_key else [("API key", serving.api_key.reveal())]
    if asked.webhook_url:
        secret = serving.connect(asked.webhook_url, asked.webhook_secret)
        shown += [] if asked.webhook_secret else [("Webhook secret", secret.reveal())]
    async with serving:
        told.ready(serving.url, serving.account, asked.webhook_url, shown)
        await asyncio.Event().wait()


class Telling:
    """Lines of what happens: for people, or one JSON document a line."""

    def __init__(self, name: str, *, as_json: bool) -> None:
        self._name = name
        self._as_json = as_json

    def ready(self, url: str, account: str, webhook_url: str, shown: list[tuple[str, str]]) -> None:
        """The addresses, and secrets that were made here and are shown this once."""
        if self._as_json:
            made = {name.lower().replace(" ", "_"): value for name, value in shown}
            self._line({"ready": url, "account": account, "webhook_url": webhook_url, **made})
            return
        pairs = [(self._name, url), ("Account", account), *shown]
        pairs += [("Webhooks to", webhook_url)] if webhook_url else []
        for name, value in pairs:
            say(f"{name.ljust(17)} {value}")
        if "API key" in dict(shown):
            say("The other commands of `purchase sandbox` want the key in PURCHASE_SANDBOX_KEY.")
        say("No money moves here. Everything is forgotten at the end. Stop with ^C.")

    def event(self, event: Happened) -> None:
        """Something happened."""
        if self._as_json:
            self._line({"event": event.id, "type": event.type, "object": event.about, "created": event.at})
        else:
            click.echo(f"{time_of(event.at)}  {event.type.ljust(34)} {event.about}")

    def sent(self, sent: Sent) -> None:
        """A webhook was tried."""
        if self._as_json:
            fields = {"delivery": sent.id, "event": sent.event, "type": sent.type, "state": sent.state}
            self._line({**fields, "status": sent.status, "problem": sent.problem})
        else:
            outcome = str(sent.status or sent.problem)
            click.echo(f"{time_of(sent.at)}    → {sent.type.ljust(30)} {outcome}")

    def differs(self, what: str) -> None:
        """Something has passed that the provider's document does not allow."""
        if self._as_json:
            self._line({"differs": what})
        else:
            click.echo(f"Not as the document says: {what}")

    def _line(self, document: dict[str, object]) -> None:
        click.echo(msgspec.json.encode({"schema_version": SCHEMA_VERSION, **document}).decode())
