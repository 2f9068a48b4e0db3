"""Bills of a customer: what there are, what is open, where to pay them, and their money back."""

from __future__ import annotations

from collections.abc import Sequence

from purchase_core.errors import NotFound, WrongState
from purchase_core.facts.rows import InvoiceRow
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.ports.paging import every_open_bill
from purchase_core.ports.provider import Capability, InvoiceLinks, RefundReason
from purchase_core.ports.store import Store
from purchase_core.projection.owner import lane_of
from purchase_core.projection.tables import newest_of_lane, row_of_lane
from purchase_core.workflows.commands import Commands
from purchase_core.workflows.giving_back import GivenBack, GivingBack
from purchase_core.workflows.refunds import Refunded, Refunds, Units


class Invoices:
    """What an application does about its customers' bills."""

    def __init__(self, store: Store, commands: Commands, refunds: Refunds) -> None:
        self._store = store
        self._commands = commands
        self._refunds = refunds
        self._giving_back = GivingBack(store, refunds)

    async def list(
        self, customer: str, *, before: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[InvoiceRow]:
        """Bills of the customer, the newest first, by the provider's time of what is known of each.

        `before`: the key of the last row of the page before. Raises InvalidArgument, NotFound.
        """
        lane = await lane_of(self._store, customer)
        return await newest_of_lane(self._store, InvoiceRow, lane, before=before, limit=limit)

    async def get(self, customer: str, invoice: str) -> InvoiceRow:
        """One bill, by its row's key. Raises NotFound."""
        row = await row_of_lane(self._store, InvoiceRow, await lane_of(self._store, customer), invoice)
        if row is None:
            raise NotFound(
                f"customer {customer!r} has no invoice {invoice!r}",
                hint="`billing.invoices.list` and `purchase invoices list` show them.",
            )
        return row

    async def open(self, customer: str) -> Sequence[InvoiceRow]:
        """Bills that wait for their money, the newest first. `action` says what the customer must do."""
        return [row async for row in every_open_bill(self._store, await lane_of(self._store, customer))]

    async def links(self, customer: str, invoice: str) -> InvoiceLinks:
        """Where to pay a bill and where to read it, made by the provider for the moment: not to be kept.

        Raises NotFound, CapabilityMissing, or a ProviderError.
        """
        row = await self.get(customer, invoice)
        provider = self._commands.provider(row.connection)
        provider.need(Capability.INVOICE_LINKS)
        return await provider.invoice_links(row.provider_id)

    async def pay_link(self, customer: str, invoice: str) -> str:
        """Where the customer can pay a bill, confirm it with their bank, or give another card.

        Raises WrongState where nothing is to be paid, and as `links`.
        """
        found = (await self.links(customer, invoice)).pay_url
        if not found:
            raise WrongState(f"nothing is to be paid of {invoice}")
        return found

    async def document(self, customer: str, invoice: str) -> str:
        """Where the bill itself can be read. Raises WrongState where there is none yet, and as `links`."""
        found = (await self.links(customer, invoice)).document_url
        if not found:
            raise WrongState(f"there is no document of {invoice}")
        return found

    async def refund(
        self,
        customer: str,
        invoice: str,
        *,
        idempotency_key: str,
        amount: int | None = None,
        offer: str = "",
        quantity: int | None = None,
        reason: RefundReason = RefundReason.REQUESTED,
    ) -> Refunded:
        """Pay back a bill: an amount in minor units, units of its line of an offer, or all that is left.

        Raises what `Refunds.refund` raises.
        """
        return await self._refunds.refund(
            customer,
            invoice,
            amount=amount,
            units=None if quantity is None else Units(quantity, offer=offer),
            reason=reason,
            idempotency_key=idempotency_key,
        )

    async def give_back(
        self,
        customer: str,
        invoice: str,
        *,
        because: str,
        by: str,
        amount: int | None = None,
        again: bool = False,
    ) -> GivenBack:
        """Pay back a bill by hand, for a reason: two people who ask for the same ask for one refund.

        Raises what `GivingBack.give_back` raises.
        """
        return await self._giving_back.give_back(
            customer, invoice, amount=amount, because=because, by=by, again=again
        )
