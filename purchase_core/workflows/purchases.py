"""One-time purchases of a customer: what there are, and their money back."""

from __future__ import annotations

from collections.abc import Sequence

from purchase_core.errors import NotFound, WrongState
from purchase_core.facts.fact import intent_key
from purchase_core.facts.rows import IntentRow, PurchaseRow
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.ports.provider import RefundReason
from purchase_core.ports.store import Store
from purchase_core.projection.owner import lane_of
from purchase_core.projection.tables import newest_of_lane, row_of_lane
from purchase_core.workflows.refunds import Refunded, Refunds, Units


class Purchases:
    """What an application does about what its customers have bought once."""

    def __init__(self, store: Store, refunds: Refunds) -> None:
        self._store = store
        self._refunds = refunds

    async def list(
        self, customer: str, *, before: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[PurchaseRow]:
        """Purchases of the customer, the newest first.

        `before`: the key of the last row of the page before. Raises InvalidArgument, NotFound.
        """
        lane = await lane_of(self._store, customer)
        return await newest_of_lane(self._store, PurchaseRow, lane, before=before, limit=limit)

    async def get(self, customer: str, purchase: str) -> PurchaseRow:
        """One purchase, by its row's key. Raises NotFound."""
        row = await row_of_lane(self._store, PurchaseRow, await lane_of(self._store, customer), purchase)
        if row is None:
            raise NotFound(
                f"customer {customer!r} has no purchase {purchase!r}",
                hint="`billing.purchases.list` returns them; a purchase is named by its row's key.",
            )
        return row

    async def refund(
        self,
        customer: str,
        purchase: str,
        *,
        idempotency_key: str,
        amount: int | None = None,
        quantity: int | None = None,
        reason: RefundReason = RefundReason.REQUESTED,
    ) -> Refunded:
        """Pay back a purchase: an amount in minor units, so many of its units, or all that is left (neither).

        What a refund does to the customer's rights is the access policy's business. Raises what
        `Refunds.refund` raises.
        """
        row = await self.get(customer, purchase)
        return await self._refunds.refund_in(
            row.lane,
            await self._payment(row),
            amount=amount,
            units=None if quantity is None else Units(quantity, version=row.version),
            reason=reason,
            idempotency_key=idempotency_key,
        )

    async def _payment(self, purchase: PurchaseRow) -> str:
        """The payment that answered the intent. One too many is a case, and is paid back from there."""
        key = intent_key(purchase.intent)
        intent = await row_of_lane(self._store, IntentRow, purchase.lane, key)
        if intent is not None and intent.settled_by:
            return intent.settled_by
        raise WrongState(f"no payment of {key} is known")
