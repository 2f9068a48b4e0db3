"""A process that takes one delivery and dies at a chosen moment. Run by the tests of F01, F02 and F11.

    python -m tests.faults.dying DATABASE MODE MOMENT NOW SIGNATURE < BODY

MOMENT: before (the commit) | after (the commit, before the answer) | answered.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from unittest.mock import patch

from purchase_core.instants import Instant
from purchase_core.ports.batch import Batch
from purchase_sqlite.store import SqliteStore
from tests.faults.shop import Shop

KILLED = 77


async def main(database: str, mode: str, moment: str, now: str, signature: str) -> None:
    body = sys.stdin.buffer.read()
    commit = SqliteStore.commit

    async def dying(store: SqliteStore, batch: Batch) -> None:
        if moment == "before":
            os._exit(KILLED)
        await commit(store, batch)
        if moment == "after":
            os._exit(KILLED)

    async with Shop(Path(database), inbox={"mode": mode}) as shop:
        shop.manual.set_to(Instant(int(now)))
        with patch.object(SqliteStore, "commit", dying):
            receipt = await shop.take(body, (("sandbox-signature", signature),))
        print(receipt.status, flush=True)  # noqa: T201  # the answer that the provider hears
        os._exit(KILLED)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
