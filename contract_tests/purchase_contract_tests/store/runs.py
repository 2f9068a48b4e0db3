"""Runs: what operations do, how far they have come, and what came of it."""

from __future__ import annotations

from msgspec.structs import replace

from purchase_contract_tests.contract import promise
from purchase_contract_tests.store.base import StorePromises
from purchase_contract_tests.store.samples import NOW, later, step
from purchase_core.errors import LaneConflict
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store
from purchase_core.records.run import FINISHED, RUNNING, Run


def run(number: int = 1, kind: str = "rebuild") -> Run:
    """A run; ids ascend with the number."""
    counts = {"unchanged": 2, "changed": number}
    identifier = f"run_{number:06}"
    return Run(
        identifier, kind, "acme", RUNNING, "c1", NOW, later(number), "customer:ana", counts, "ana: why"
    )


class Runs(StorePromises):
    """`Batch.runs`, `run` and `runs`."""

    @promise
    async def a_run_comes_back_as_it_was_written_last(self, store: Store) -> None:
        await store.commit(Batch("batch_1", NOW, runs=(run(),)))
        assert await store.run(run().id) == run()
        ended = replace(run(), state=FINISHED, updated_at=later(9), cursor="", counts={}, note="")
        await store.commit(Batch("batch_2", NOW, runs=(run(), ended)))
        assert await store.run(run().id) == ended
        assert await store.run("run_none") is None

    @promise
    async def runs_come_newest_first_by_kind_and_in_pages(self, store: Store) -> None:
        kinds = ("rebuild", "replay")
        written = [run(number, kinds[number % 2]) for number in range(8)]
        await store.commit(Batch("batch_1", NOW, runs=tuple(written)))
        for kind in ("", *kinds):
            found: list[Run] = []
            for _ in written:
                found += await store.runs(kind=kind, before_id=found[-1].id if found else "", limit=3)
            assert found == [one for one in reversed(written) if kind in ("", one.kind)]

    @promise
    async def f95_how_far_a_run_has_come_is_written_with_what_it_did(self, store: Store) -> None:
        refused = Batch("batch_1", NOW, lanes=(step(version=7),), runs=(run(),))
        try:
            await store.commit(refused)
        except LaneConflict:
            assert await store.run(run().id) is None
        else:
            raise AssertionError("the lane was at another version")
        await store.commit(replace(refused, lanes=(step(),)))
        assert await store.run(run().id) == run()
