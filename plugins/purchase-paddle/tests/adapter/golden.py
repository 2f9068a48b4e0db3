"""Golden payloads of the types that Paddle sends beside the main ones, told by the simulator.

`python -m adapter.golden`, in `plugins/purchase-paddle/tests`, writes them anew: then look at what has
changed. The tests only read.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from purchase_core.facts.fact import encode_body
from purchase_core.ports.provider import (
    CheckoutRequest,
    CustomerRequest,
    OurReference,
    PauseRequest,
    PriceRequest,
    Provider,
)
from purchase_simulators.paddle import subscriptions, transactions
from purchase_simulators.paddle.requests import RevisedCustomer, Revision

from .bench import PaddleBench, opened

FOLDER = Path(__file__).parent / "golden"
MONTHLY = PriceRequest("app:pro", "v_1", "App Pro", 1_200, "USD", "month")
SHOWN = {
    "transaction_ready": "transaction.ready",
    "transaction_updated": "transaction.updated",
    "subscription_activated": "subscription.activated",
    "subscription_resumed": "subscription.resumed",
    "transaction_revised": "transaction.revised",
    "subscription_imported": "subscription.imported",
}
FIELDS = ("id", "type", "object", "occurred_at", "account", "mode", "api_version")


async def story(bench: PaddleBench) -> list[dict[str, Any]]:
    """Bought, paused, gone on with, revised; and one that comes from elsewhere. Every event in order."""
    provider = bench.provider
    customer = await provider.ensure_customer(CustomerRequest("ana", "ana@example.com"), key="customer")
    price = await provider.ensure_price(MONTHLY, key="price")
    request = CheckoutRequest(
        mode="subscription",
        price=price,
        quantity=1,
        customer=customer,
        success_url="https://shop.example/thanks",
        cancel_url="https://shop.example/pricing",
        reference=OurReference("intent_9", "attempt_9", "ana", "v_1"),
    )
    checkout = await provider.create_checkout(request, key="checkout")
    bench.harness.pay(checkout.id)
    (bought,) = bench.book.rows("sub")
    await bench.advance(86_400)
    await provider.pause_subscription(PauseRequest(bought["id"]), key="pause")
    await bench.advance(86_400)
    await provider.resume_subscription(bought["id"], new_period=True, key="resume")
    (first, *_) = [one for one in bench.book.rows("txn") if one["status"] == "completed"]
    await bench.advance(86_400)
    transactions.revise(bench.book, first["id"], Revision(customer=RevisedCustomer(name="Ana Lima")))
    who, where, what = (bench.book.rows(kind)[0] for kind in ("ctm", "add", "pri"))
    subscriptions.imported(bench.book, who, where, what, "classic_1")
    return [json.loads(one.body) for one in await bench.sent()]


def meaning_of(provider: Provider, payload: Mapping[str, Any]) -> dict[str, Any]:
    """What the adapter makes of a payload, as it is written down."""
    event = provider.parse(json.dumps(payload).encode())
    found = provider.normalise(event)
    return {
        "event": {name: getattr(event, name) for name in FIELDS},
        "facts": [
            {
                "object": one.object,
                "order": one.order,
                "final": one.final,
                "body": json.loads(encode_body(one.body)),
            }
            for one in found.facts
        ],
        "claims": [[one.provider_customer, one.customer] for one in found.claims],
        "ignored": found.ignored,
    }


async def write() -> None:
    """Write all of them anew."""
    async with opened() as bench:
        told = await story(bench)
        for name, type_ in SHOWN.items():
            payload = next(one for one in told if one["event_type"] == type_)
            payload.pop("notification_id", None)
            whole = {"payload": payload} | meaning_of(bench.provider, payload)
            (FOLDER / f"{name}.json").write_text(json.dumps(whole, indent=1) + "\n")


if __name__ == "__main__":
    asyncio.run(write())
