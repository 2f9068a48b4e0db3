"""Requests about credits and quotas: decided once for each key, however often and from wherever they come.

    request ─► decided on its lane's document, under its version ─► movement, with what it was told
                                                                         │ the same key again
                                                                         ▼
                                                                    told the same

Nothing goes out, so there is no command: the movement is the request's record. A request that is refused
leaves none, and may be granted when it is made again.
"""

from __future__ import annotations

from collections.abc import Callable

from purchase_core.canonical import content_hash
from purchase_core.errors import IdempotencyConflict, InvalidArgument, KeyConflict, UsageError
from purchase_core.identifiers import customer_id, idempotency_key
from purchase_core.ledger.decision import Answer, Request, decode_answer
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store
from purchase_core.projection.locks import LaneLocks
from purchase_core.projection.recorder import Recorder
from purchase_core.projection.work import Work
from purchase_core.records.lane import customer_lane
from purchase_core.records.movement import Movement
from purchase_core.text import identifier, storable

AMOUNT_MAX = 2**53 - 1
REASON_CHARACTERS_MAX = 500


def request_of(
    kind: str, customer: str, unit: str, amount: int, key: str, *details: object, reason: str = ""
) -> Request:
    """A request, if it is one. `details` are its other arguments. Raises InvalidArgument."""
    checked = checked_amount(amount)
    if ":" in unit:
        raise InvalidArgument("a unit holds no colon", hint="Name it as the catalog does.")
    return Request(
        f"{kind}:{idempotency_key(key)}",
        kind,
        customer_lane(customer_id(customer)),
        unit and identifier("unit", unit),
        checked,
        content_hash([customer, unit, amount, *details]),
        storable("reason", reason, characters_max=REASON_CHARACTERS_MAX),
    )


def checked_amount(amount: int, *, least: int = 1) -> int:
    """A whole number of credits or uses. Raises InvalidArgument."""
    if type(amount) is not int or not least <= amount <= AMOUNT_MAX:
        raise InvalidArgument(f"amount must be a whole number, {least} to {AMOUNT_MAX:,}")
    return amount


class Requests:
    """Has requests decided, each once."""

    def __init__(self, store: Store, recorder: Recorder) -> None:
        self._store = store
        self._recorder = recorder
        self._keys = LaneLocks()

    async def run(self, request: Request, work: Callable[[], Work]) -> Answer:
        """Have it decided, or find what was decided before. `work` is what is to be recorded for it.

        Raises IdempotencyConflict (same key, other arguments), what its decision raises, and StoreError.
        """
        async with self._keys.hold([request.key]):
            known = await self._store.movement(request.key) or await self._decide(request, work())
        if known is None or known.fingerprint != request.fingerprint:
            raise IdempotencyConflict(
                f"the idempotency key of {request.key!r} was used for another {request.kind}",
                hint="Use a new key for each new wish.",
            )
        return decode_answer(known)

    async def _decide(self, request: Request, work: Work) -> Movement | None:
        try:
            recorded = await self._recorder.record(work, cause=request.key, addition=_as_it_is)
        except KeyConflict:
            # Another process has decided the same key while we did: its decision counts.
            return await self._store.movement(request.key)
        except UsageError:
            # Also where nothing is left because of it.
            known = await self._store.movement(request.key)
            if known is None:
                raise
            return known
        movements = recorded.batch.movements if recorded.batch else ()
        return next((one for one in movements if one.key == request.key), None)


def _as_it_is(batch: Batch) -> Batch:
    return batch
