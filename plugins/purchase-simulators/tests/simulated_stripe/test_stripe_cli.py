"""Stripe's own command line, as a client that knows nothing of us: its triggers play on the simulated Stripe.

`python dev.py clients` installs it into `.clients/`. Skipped where it is absent, unless it is required.
What it sends of older API versions (`payment_method_types`, a `coupon` of promotion codes) is refused, as
Stripe's present version does.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from purchase_core.instants import Instant
from purchase_core.testing.clocks import ManualClock
from purchase_simulators.stripe.testing import API_KEY, StripeHarness

CLIENTS = Path(os.environ.get("PURCHASE_CLIENTS_DIRECTORY") or Path(__file__).parents[4] / ".clients")
CLI = CLIENTS / "node" / "node_modules" / ".bin" / "stripe"
REQUIRED = os.environ.get("PURCHASE_CLIENTS") == "required"
START = Instant(1_790_000_000_000_000)
SECONDS_MAX = 60
TRIGGERS = (
    "customer.created", "product.created", "price.created", "payment_intent.succeeded",
    "payment_intent.payment_failed", "charge.refunded", "customer.subscription.created",
    "customer.subscription.updated", "customer.subscription.deleted", "invoice.paid", "invoice.voided",
    "invoice.marked_uncollectible", "coupon.created", "checkout.session.expired", "payment_method.attached",
    "charge.dispute.created",
)  # fmt: skip


@pytest.mark.skipif(not (REQUIRED or CLI.exists()), reason="no .clients: python dev.py clients installs them")
@pytest.mark.parametrize("event", TRIGGERS)
def test_a_trigger_of_the_command_line_plays(event: str, tmp_path: Path) -> None:
    async def run() -> None:
        async with StripeHarness(ManualClock(START)) as stripe:
            key = API_KEY.reveal()
            ran = await asyncio.create_subprocess_exec(
                CLI, "trigger", event, "--api-base", stripe.url, "--api-key", key,
                env={**os.environ, "STRIPE_CLI_TELEMETRY_OPTOUT": "1", "XDG_CONFIG_HOME": str(tmp_path)},
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip
            said, _ = await asyncio.wait_for(ran.communicate(), SECONDS_MAX)
            assert ran.returncode == 0, said.decode()
            assert event in {one.type for one in stripe.account.book.events}

    asyncio.run(run())
