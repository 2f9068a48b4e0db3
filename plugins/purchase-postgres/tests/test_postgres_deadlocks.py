"""Batches that want the same rows in crossed orders queue up; the server never has to end one of them."""

from __future__ import annotations

import asyncio
import random

import psycopg

from purchase_contract_tests.store.samples import NOW, case, effect, offer, price, reference, step
from purchase_core.ports.batch import Batch
from purchase_core.secret import Secret
from purchase_postgres.config import PostgresConfig
from purchase_postgres.store import PostgresStore

ROUNDS = 12
WRITERS = 8
ROWS = 12


def crossed(number: int, chance: random.Random) -> Batch:
    """A batch of the rows that all others write too, in an order of its own. Only the lane is its own."""
    order = chance.sample(range(ROWS), ROWS)
    return Batch(
        f"batch_{number}",
        NOW,
        lanes=(step(f"customer:{number}"),),
        rows=tuple(case(f"case_{one}", detail=str(number)) for one in order),
        references=tuple(reference(f"re_{one}", root=f"root_{number}") for one in order),
        prices=tuple(price(f"price_{one}") for one in order),
        offers=tuple(offer(trial_days=one) for one in order),
        effects=tuple(effect(f"effect_{one}") for one in order),
    )


def deadlocks(address: str) -> int:
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("SELECT pg_stat_clear_snapshot()")
        found = connection.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
        assert found is not None
        return int(found[0])


def test_f80_crossed_orders_never_deadlock(address: str) -> None:
    chance = random.Random(80)
    before = deadlocks(address)

    async def run() -> None:
        config = PostgresConfig(Secret(address), pool_connections_max=WRITERS // 2)
        async with await PostgresStore.open(config) as one, await PostgresStore.open(config) as other:
            await one.migrate()
            for round_ in range(ROUNDS):
                batches = [crossed(round_ * WRITERS + number, chance) for number in range(WRITERS)]
                stores = [one, other] * (WRITERS // 2)
                await asyncio.gather(
                    *(store.commit(batch) for store, batch in zip(stores, batches, strict=True))
                )

    asyncio.run(run())
    assert deadlocks(address) == before
