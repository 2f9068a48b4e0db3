"""The canonical hash: it identifies what is stored, not how it came to be stored."""

from __future__ import annotations

from itertools import permutations

from msgspec.structs import replace

from purchase_contract_tests.contract import promise
from purchase_contract_tests.store.base import StorePromises
from purchase_contract_tests.store.rows import all_rows
from purchase_contract_tests.store.samples import BEN, NOW, case, row_of_each_table
from purchase_core.facts.fold import canonical_hash
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store

ORDERS = 6


class CanonicalHash(StorePromises):
    """`canonical_hash` over everything that `rows` gives back."""

    @promise
    async def the_hash_is_of_what_is_stored_and_not_of_its_history(self, store: Store) -> None:
        """The same rows, by any way: other orders, other batches, written over, dropped and written again."""
        wanted = [*row_of_each_table(), *(case(f"case_{number}") for number in range(3))]
        spoilt = [*row_of_each_table(BEN, filled=False), case("gone")]
        for number, order in enumerate(list(permutations((0, 1, 2)))[:ORDERS]):
            parts = [wanted[place::3] for place in order]
            await store.commit(Batch(f"spoil_{number}", NOW, rows=tuple(spoilt)))
            for place, part in enumerate(parts):
                await store.commit(Batch(f"batch_{number}_{place}", NOW, rows=tuple(part)))
            gone = ((type(case()), "gone"),)
            await store.commit(Batch(f"drop_{number}", NOW, dropped_rows=gone))
            assert canonical_hash(await all_rows(store)) == canonical_hash(wanted)

    @promise
    async def the_hash_tells_every_column(self, store: Store) -> None:
        """Whatever differs in one column of one row differs in the hash of what comes back."""
        rows = row_of_each_table()
        await store.commit(Batch("batch_0", NOW, rows=rows))
        seen = {canonical_hash(await all_rows(store))}
        changes = 0
        for row in rows:
            for name in row.__struct_fields__:
                if name != "key":
                    other = replace(row, **{name: _other(getattr(row, name))})
                    changes += 1
                    await store.commit(Batch(f"batch_{changes}", NOW, rows=(other,)))
                    seen.add(canonical_hash(await all_rows(store)))
                    await store.commit(Batch(f"back_{changes}", NOW, rows=(row,)))
        assert len(seen) == 1 + changes


def _other(value: object) -> object:
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else f"{value}x"
