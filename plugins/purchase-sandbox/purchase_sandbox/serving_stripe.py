"""`purchase sandbox serve --provider stripe`: the Stripe simulator in a process of its own."""

from __future__ import annotations

import asyncio

from purchase_simulators.stripe import portal
from purchase_simulators.stripe.server.app import application
from purchase_simulators.stripe.simulator import DEFAULT_ACCOUNT, StripeSimulator
from purchase_simulators.wire.chaos import Chaos, parse_odds
from purchase_simulators.wire.running import SimulatorServer

from .sandbox import DEFAULT_ACCOUNT as UNNAMED
from .serving import Serving, Telling, or_made


async def serve(asked: Serving) -> None:
    """Serve until the process is interrupted."""
    simulator = StripeSimulator(chaos=Chaos(asked.seed, parse_odds(asked.odds)))
    key, made_key = or_made(asked.api_key, "sk_test_")
    name = DEFAULT_ACCOUNT if asked.account == UNNAMED else asked.account
    account = simulator.open_account(name, (key,))
    portal.save_default(account.book)
    shown = [("API key", key.reveal())] if made_key else []
    if asked.webhook_url:
        secret, made_secret = or_made(asked.webhook_secret, "whsec_")
        account.deliveries.add(asked.webhook_url, secret)
        shown += [("Webhook secret", secret.reveal())] if made_secret else []
    told = Telling("Stripe, simulated", as_json=asked.as_json)
    simulator.listeners.append(told.event)
    server = SimulatorServer(
        simulator,
        application(simulator),
        host=asked.host,
        port=asked.port,
        expose=asked.expose,
        notice=told.attempt,
        date_header=False,
    )
    async with server:
        told.ready(server.url, account.id, asked.webhook_url, shown)
        await asyncio.Event().wait()
