"""Money back by hand: two operators who hear of one complaint give it back once.

What is asked for is known by what it says: so much of this bill, for the first time, or once more. Whoever
asks for the same is told who did, and when; to mean it once more has to be said.
"""

from __future__ import annotations

import attrs
import msgspec

from purchase_core.canonical import content_hash
from purchase_core.errors import InvalidArgument, WrongState
from purchase_core.facts.rows import RefundRow
from purchase_core.instants import Instant
from purchase_core.ports.provider import RefundReason
from purchase_core.ports.store import Store
from purchase_core.projection.owner import lane_of
from purchase_core.projection.tables import rows_of_lane
from purchase_core.records.command import OPEN_STATES, REFUSED, Command
from purchase_core.text import identifier, storable
from purchase_core.workflows.refunds import GiveBack, Refunds, RefundWish

BECAUSE_CHARACTERS_MAX = 500
TIMES_MAX = 100  # that as much goes back of one bill
WENT_WRONG = ("rejected", "failed")


@attrs.frozen
class GivenBack:
    """A refund that somebody asked for by hand: how it stands, who asked for it, why and when.

    `is_new`: it was asked for now, and not by somebody before. `receipt` is the receipt's id. `waits`: the
    provider does not allow it yet.
    """

    refund: RefundRow
    receipt: str
    by: str
    because: str
    asked_at: Instant
    is_new: bool
    waits: bool


class GivingBack:
    """Gives money back for operators."""

    def __init__(self, store: Store, refunds: Refunds) -> None:
        self._store = store
        self._refunds = refunds

    async def give_back(
        self,
        customer: str,
        invoice: str,
        *,
        amount: int | None,
        because: str,
        by: str,
        again: bool = False,
    ) -> GivenBack:
        """Pay back a bill (its row's key): an amount in minor units, or all that is left.

        If as much of it is on its way or has gone back by hand already, it is that refund that comes back,
        unless `again` says that it is meant once more. One that was refused, or did not arrive, is tried
        anew. Raises InvalidArgument, and what `Refunds.refund` raises.
        """
        identifier("by", by)
        storable("because", because, characters_max=BECAUSE_CHARACTERS_MAX)
        if not because.strip():
            raise InvalidArgument("money goes back for a reason", hint="Say it: it is kept with the receipt.")
        key, known = await self._next(customer, invoice, amount, again=again)
        done = await self._refunds.refund(
            customer,
            invoice,
            amount=amount,
            reason=RefundReason.REQUESTED,
            idempotency_key=key,
            by=by,
            because=because,
        )
        command = await self._store.command(_command_key(key))
        if command is None:
            raise WrongState(f"the command of {done.receipt} is gone")
        said = msgspec.json.decode(command.request, type=RefundWish)
        return GivenBack(
            done.refund,
            done.receipt,
            said.by,
            said.because,
            command.created_at,
            is_new=known is None and (said.by, said.because) == (by, because),
            waits=done.waits,
        )

    async def _next(
        self, customer: str, invoice: str, amount: int | None, *, again: bool
    ) -> tuple[str, Command | None]:
        """The key under which to ask, and the command that has it already."""
        refunds = await rows_of_lane(self._store, RefundRow, await lane_of(self._store, customer))
        failed = {row.command for row in refunds if row.status in WENT_WRONG}
        for number in range(TIMES_MAX):
            key = f"by-hand-{content_hash([invoice, amount])}-{number}"
            known = await self._store.command(_command_key(key))
            if known is None:
                return key, None
            is_over = known.state == REFUSED or known.id in failed
            # What nobody knows the outcome of is found out about first, whatever else is wished.
            if known.state in OPEN_STATES or not (is_over or again):
                return key, known
        raise WrongState(f"as much of {invoice} was given back {TIMES_MAX} times")


def _command_key(key: str) -> str:
    return f"{GiveBack.name}:{key}"
