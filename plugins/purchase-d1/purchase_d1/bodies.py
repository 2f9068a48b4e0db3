"""Bodies of deliveries that are too long for one parameter come in parts, all of them in the same batch."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from purchase_core.errors import InvalidArgument
from purchase_core.ports.batch import Batch
from purchase_sql.prefix import with_prefix
from purchase_sql.wire import Sent

PART_BYTES_MAX = 900_000  # twice that in hexadecimals, and D1's texts have up to 2,000,000 bytes
BODY_BYTES_MAX = 1_900_000  # as has a whole row
APPEND = 'UPDATE "{prefix}deliveries" SET body = CAST(body || unhex(?2) AS BLOB) WHERE id = ?1'


def first_parts(batch: Batch) -> Batch:
    """The batch with what fits of each body. Raises InvalidArgument for a body that D1 cannot keep."""
    if all(len(one.body) <= PART_BYTES_MAX for one in batch.deliveries):
        return batch
    longest = max(len(one.body) for one in batch.deliveries)
    if longest > BODY_BYTES_MAX:
        raise InvalidArgument(f"a body of {longest} bytes is more than the {BODY_BYTES_MAX} that D1 keeps")
    cut = tuple(replace(one, body=one.body[:PART_BYTES_MAX]) for one in batch.deliveries)
    return replace(batch, deliveries=cut)


def other_parts(batch: Batch, prefix: str) -> Sequence[Sent]:
    """The statements that append the rest."""
    return [
        (with_prefix(APPEND, prefix), (one.id, one.body[begin : begin + PART_BYTES_MAX].hex()))
        for one in batch.deliveries
        for begin in range(PART_BYTES_MAX, len(one.body), PART_BYTES_MAX)
    ]
