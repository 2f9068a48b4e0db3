"""Made-up requests about one wallet."""

from __future__ import annotations

import attrs
from hypothesis import strategies as st

from purchase_core.errors import ExceedsBalance, IdempotencyConflict, WrongState
from purchase_core.testing.bench import Bench
from purchase_core.testing.sales import Sale, later

PACKS = [Sale(number=number, offer="tokens:small") for number in (1, 2)]
PRO = Sale(number=3)
GRANTS = [
    *(fact for sale in PACKS for fact in (sale.placed(), sale.tried(), sale.invoice())),
    PRO.placed(),
    PRO.tried(),
    PRO.subscription(),
    PRO.invoice(at=later(days=38)),
    PRO.renewal(1, at=later(days=39)),
]
LATE = [
    PACKS[0].refund(200),
    PACKS[0].refund(100, name="2"),
    PACKS[1].refund(500),
    PACKS[1].dispute(100, "open"),
    PACKS[1].dispute(100, "lost", later(days=1)),
    PACKS[1].dispute(100, "won", later(days=2)),
    PACKS[0].invoice("uncollectible", later(days=1)),
    PACKS[0].invoice("paid", later(days=2)),
    PRO.refund(700),
    PRO.renewal(2, at=later(days=39)),
]


@attrs.frozen
class Ask:
    """Something that is asked of the wallet."""

    kind: str
    amount: int
    key: int


@attrs.frozen
class Pass:
    """Time passes."""

    seconds: int


asks = st.builds(
    Ask,
    st.sampled_from(("consume", "consume", "reserve", "settle", "release", "grant", "take", "use")),
    st.sampled_from((1, 60, 99, 250, 600)),
    st.integers(0, 5),
)
passes = st.builds(Pass, st.sampled_from((1, 61, 20 * 86_400, 70 * 86_400)))


async def ask(bench: Bench, asked: Ask, customer: str = "alice") -> None:
    """Ask for it; a refusal is an answer."""
    credits_, key = bench.credits, f"{asked.key}"
    try:
        match asked.kind:
            case "consume":
                await credits_.consume(customer, "ai", asked.amount, idempotency_key=key)
            case "reserve":
                await credits_.reserve(customer, "ai", asked.amount, idempotency_key=key, timeout_seconds=60)
            case "settle":
                await credits_.settle(customer, f"reserve:{key}", asked.amount, idempotency_key=key)
            case "release":
                await credits_.release(customer, f"reserve:{key}", idempotency_key=key)
            case "grant":
                await credits_.grant(customer, "ai", asked.amount, idempotency_key=key)
            case "take":
                await credits_.adjust(customer, "ai", -asked.amount, reason="r", idempotency_key=key)
            case _:
                await bench.usage.try_use("api", asked.amount, customer=customer, idempotency_key=key)
    except (ExceedsBalance, WrongState, IdempotencyConflict):
        pass
