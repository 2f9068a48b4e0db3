"""`purchase sandbox serve`: a sandbox in a process of its own, which shows what happens."""

from __future__ import annotations

import asyncio
import logging
import secrets

import attrs
import click
import msgspec

from purchase_core.cli.output import SCHEMA_VERSION, say, time_of
from purchase_core.cli.serving import run_until_stopped
from purchase_core.secret import Secret
from purchase_simulators.wire.chaos import Chaos, parse_odds
from purchase_simulators.wire.deliveries import Attempt, Delivery, Endpoint, JournalEvent

from .sandbox import Sandbox
from .server.running import SandboxServer

SECRET_BYTES = 24


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


def serve_for_ever(asked: Serving) -> None:
    """Serve until the process is interrupted."""
    # Chaos breaks answers off on purpose; the server need not say each time that it noticed.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    if asked.provider == "paddle":
        from .serving_paddle import serve  # noqa: PLC0415  # only what is served is imported

        run_until_stopped(serve(asked))
        return
    if asked.provider == "stripe":
        from .serving_stripe import serve as serve_stripe  # noqa: PLC0415

        run_until_stopped(serve_stripe(asked))
        return
    run_until_stopped(_serve(asked))


async def _serve(asked: Serving) -> None:
    sandbox = Sandbox(chaos=Chaos(asked.seed, parse_odds(asked.odds)))
    key, made_key = or_made(asked.api_key, "sk_sandbox_")
    account = sandbox.open_account(asked.account, (key,))
    account.book.refund_approval = asked.approve_refunds
    shown = [("API key", key.reveal())] if made_key else []
    if asked.webhook_url:
        secret, made_secret = or_made(asked.webhook_secret, "whsec_")
        account.deliveries.add(asked.webhook_url, secret)
        shown += [("Webhook secret", secret.reveal())] if made_secret else []
    told = Telling("Sandbox", as_json=asked.as_json)
    sandbox.listeners.append(told.event)
    server = SandboxServer(
        sandbox, host=asked.host, port=asked.port, expose=asked.expose, notice=told.attempt
    )
    async with server:
        told.ready(server.url, account.id, asked.webhook_url, shown)
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

    def event(self, event: JournalEvent) -> None:
        """Something happened."""
        if self._as_json:
            self._line(
                {"event": event.id, "type": event.type, "object": event.about, "created": event.created}
            )
        else:
            click.echo(f"{time_of(event.created)}  {event.type.ljust(34)} {event.about}")

    async def attempt(self, delivery: Delivery, endpoint: Endpoint, attempt: Attempt) -> None:
        """A webhook was sent."""
        if self._as_json:
            fields = {"event": delivery.event, "type": delivery.type, "state": delivery.state}
            self._line(
                {"delivery": delivery.id, **fields, "status": attempt.status, "problem": attempt.problem}
            )
        else:
            outcome = str(attempt.status or attempt.problem)
            click.echo(f"{time_of(attempt.at)}    → {delivery.type.ljust(30)} {outcome}")

    def _line(self, document: dict[str, object]) -> None:
        click.echo(msgspec.json.encode({"schema_version": SCHEMA_VERSION, **document}).decode())


def or_made(given: Secret | None, prefix: str) -> tuple[Secret, bool]:
    """The given secret, or a new one and that it was made here."""
    return (given, False) if given else (Secret(prefix + secrets.token_hex(SECRET_BYTES)), True)
