"""A webhook of Stripe and of Paddle: verified, read and understood, in processor time.

Beside it the vendor's own check of the signature, where it can be had.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import median, spread
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import Connection, Headers, Provider
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock

SECRET = Secret("whsec_0123456789abcdefghijklmnop")
NOW = Instant(1_790_000_000 * SECOND)
GOAL_MICROSECONDS = 120


async def run(*, short: bool) -> None:
    """Print the table."""
    calls, rounds = (500, 5) if short else (3_000, 11)
    print("| event | verify | parse and normalise | together (range) | goal | the vendor's check alone |")
    print("|---|---|---|---|---|---|")
    for name, provider, headers, body, vendor in (_stripe(), _paddle()):
        verify = _microseconds(lambda p=provider, b=body, h=headers: p.verify(b, h, now=NOW), calls, rounds)
        read = _microseconds(lambda p=provider, b=body: p.normalise(p.parse(b)), calls, rounds)
        whole = [one + other for one, other in zip(verify, read, strict=True)]
        theirs = f"{median(_microseconds(vendor, calls, rounds)):.0f} us" if vendor else "-"
        goal = f"<= {GOAL_MICROSECONDS} us" if name.startswith("Stripe") else ""
        print(
            f"| {name}, {len(body):,} bytes | {median(verify):.0f} us | {median(read):.0f} us "
            f"| {median(whole):.0f} us ({spread(whole)}) | {goal} | {theirs} |"
        )


def _microseconds(work: Callable[[], object], calls: int, rounds: int) -> list[float]:
    """What one call takes, round by round."""
    work()
    found = []
    for _ in range(rounds):
        started = time.process_time()
        for _ in range(calls):
            work()
        found.append((time.process_time() - started) / calls * 1_000_000)
    return found


Side = tuple[str, Provider, Headers, bytes, Callable[[], object] | None]


def _stripe() -> Side:
    import stripe  # noqa: PLC0415  # what is compared with

    from purchase_simulators.stripe.signature import signed_headers  # noqa: PLC0415
    from purchase_stripe.adapter import StripeProvider  # noqa: PLC0415
    from purchase_stripe.client import StripeCalls  # noqa: PLC0415
    from purchase_stripe.config import StripeConfig  # noqa: PLC0415

    config = StripeConfig("acct_1", base_url="http://127.0.0.1:9")
    calls = StripeCalls(config, Secret("sk_test_0123456789abcdef"), ManualClock(NOW))
    provider = StripeProvider(Connection("stripe", "stripe", "test", "shop", "dev"), config, calls, (SECRET,))
    body = _golden("plugins/purchase-stripe/tests/stripe_adapter/golden/invoice_first.json")
    headers = signed_headers(body, at=NOW, secrets=[SECRET])
    (value,) = dict(headers).values()
    text, key = body.decode(), SECRET.reveal()

    def vendor() -> object:
        return stripe.WebhookSignature.verify_header(text, value, key, tolerance=None)

    return "Stripe invoice.paid", provider, headers, body, vendor


def _paddle() -> Side:
    from purchase_paddle.adapter import PaddleProvider  # noqa: PLC0415
    from purchase_paddle.client import PaddleClient  # noqa: PLC0415
    from purchase_paddle.config import PaddleConfig  # noqa: PLC0415
    from purchase_paddle.signature import FORM  # noqa: PLC0415

    config = PaddleConfig()
    client = PaddleClient(config, "test", Secret("pdl_unused"), ManualClock(NOW))
    provider = PaddleProvider(
        Connection("paddle", "paddle", "test", "shop", "dev"), config, client, (SECRET,)
    )
    body = _golden("plugins/purchase-paddle/tests/adapter/golden/transaction_completed_first.json")
    return "Paddle transaction.completed", provider, FORM.headers(body, at=NOW, secrets=[SECRET]), body, None


def _golden(path: str) -> bytes:
    root = Path(__file__).parents[1]
    return json.dumps(json.loads((root / path).read_text())["payload"], separators=(",", ":")).encode()
