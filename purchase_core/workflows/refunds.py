"""Refunds: money that goes back on our wish, never more than is left, whoever else asks at the same time.

What was asked for counts as on its way from the moment of asking, before the provider knows of it. The
guard is the customer's lane: of two that were decided upon one state, the second is decided again.
"""

from __future__ import annotations

import attrs
import msgspec

from purchase_core.canonical import content_hash
from purchase_core.errors import ExceedsBalance, InvalidArgument, NotFound, WrongState
from purchase_core.facts.bodies import InvoiceSeen, RefundAsked, RefundSeen
from purchase_core.facts.fact import Fact, decided
from purchase_core.facts.rows import InvoiceRow, RefundRow
from purchase_core.instants import Instant
from purchase_core.money import money_of
from purchase_core.ports.provider import Capability, OurReference, Provider, RefundReason, RefundRequest
from purchase_core.ports.store import Question, Store
from purchase_core.projection.owner import lane_of
from purchase_core.projection.tables import row_of_lane, rows_of_lane
from purchase_core.records.command import PLANNED, Command
from purchase_core.records.lane import customer_of
from purchase_core.workflows.commands import CommandKind, Commands, Draft
from purchase_core.workflows.observing import observe
from purchase_core.workflows.shares import line_share, units_share


@attrs.frozen
class RefundWish:
    """An amount of an invoice, in minor units. `whole`: all that was ever paid of it.

    `by` and `because` are of a person who asked for it by hand.
    """

    invoice: str
    amount: int
    currency: str
    whole: bool
    reason: RefundReason
    by: str = ""
    because: str = ""


@attrs.frozen
class Units:
    """So many units of the line of a bill that is of this offer; `version` names it exactly ("" = any)."""

    count: int
    offer: str = ""
    version: str = ""


@attrs.frozen
class Refunded:
    """A refund as it is known after the command: still pending, perhaps. `receipt` is the receipt's id.

    `waits`: the provider does not allow it yet; a worker asks again until it does.
    """

    refund: RefundRow
    receipt: str
    waits: bool = False


class GiveBack(CommandKind):
    """The command, as a provider is asked for it."""

    name = "refund"
    repeatable = False

    async def send(self, provider: Provider, command: Command) -> tuple[Fact, ...]:
        """Ask for the refund."""
        wish = _read(command)
        request = RefundRequest(
            wish.invoice,
            # In so many units where that can be said: "all that is left" may be less than was decided.
            wish.amount if Capability.PARTIAL_REFUND in provider.capabilities else None,
            OurReference(command=command.id),
            wish.reason,
        )
        return await provider.refund(request, key=command.id)

    async def find(self, provider: Provider, command: Command) -> tuple[Fact, ...] | None:
        """The refund that carries our command."""
        return await provider.find_refund(_read(command).invoice, command.id) or None

    async def recognise(
        self, provider: Provider, command: Command, object_id: str
    ) -> tuple[Fact, ...] | None:
        """The refund of this id, if it carries our command: one that somebody made there by hand does not."""
        facts = await observe(provider, "refund", object_id)
        seen = (fact.body for fact in facts)
        return (
            facts if any(isinstance(one, RefundSeen) and one.command == command.id for one in seen) else None
        )

    def refused(self, command: Command, at: Instant) -> tuple[Fact, ...]:
        """Nothing is on its way after all."""
        wish = _read(command)
        asked = RefundAsked(
            command.id, command.connection, wish.invoice, wish.amount, wish.currency, "refused"
        )
        # Behind the asking, whatever the clock of whoever is told so says.
        return (decided(Instant(max(at, command.created_at + 1)), asked),)


class Refunds:
    """Decides refunds, and has them done."""

    def __init__(self, store: Store, commands: Commands) -> None:
        self._store = store
        self._commands = commands
        self._kind = GiveBack()
        commands.register(self._kind)

    async def refund(
        self,
        customer: str,
        invoice: str,
        *,
        amount: int | None,
        units: Units | None = None,
        reason: RefundReason,
        idempotency_key: str,
        by: str = "",
        because: str = "",
    ) -> Refunded:
        """Pay back an invoice (its row's key): an amount in minor units, some units, or all that is left.

        `by` and `because` are kept with the command; the same wish by somebody else is the same command.
        Raises NotFound, WrongState (nothing was paid), ExceedsBalance, CapabilityMissing, and what
        `Commands.run` raises. After OutcomeUnknown the money counts as on its way until it is known.
        """
        lane = await lane_of(self._store, customer)
        return await self.refund_in(
            lane,
            invoice,
            amount=amount,
            units=units,
            reason=reason,
            idempotency_key=idempotency_key,
            by=by,
            because=because,
        )

    async def refund_in(
        self,
        lane: str,
        invoice: str,
        *,
        amount: int | None,
        units: Units | None = None,
        reason: RefundReason,
        idempotency_key: str,
        by: str = "",
        because: str = "",
    ) -> Refunded:
        """The same for a bill of any lane: nobody is known for some money, and it can be given back."""
        if amount is not None and (type(amount) is not int or amount < 1):
            raise InvalidArgument("amount must be a whole number of minor units, at least 1")
        if units is not None and (amount is not None or type(units.count) is not int or units.count < 1):
            raise InvalidArgument("a refund is of an amount, or of a whole number of units, at least 1")

        async def decide(command: str, now: Instant) -> Draft:
            row = await self._invoice(lane, invoice)
            wanted = amount if units is None else await self._share(row, units)
            wish = attrs.evolve(_wish(row, wanted, reason), by=by, because=because)
            needed = Capability.REFUND if wish.whole else Capability.PARTIAL_REFUND
            self._commands.provider(row.connection).need(needed)
            asked = RefundAsked(command, row.connection, wish.invoice, wish.amount, wish.currency, "asked")
            return Draft(row.connection, row.key, msgspec.json.encode(wish), (decided(now, asked),))

        await self._invoice(lane, invoice)  # theirs, whatever was asked for before under this key
        done = await self._commands.run(
            self._kind,
            lane=lane,
            idempotency_key=idempotency_key,
            # Not of the lane: whose it is may have changed since, by a merge or a claim.
            fingerprint=content_hash([invoice, amount, units, reason]),
            decide=decide,
        )
        owner = (await self._store.lane(lane)).linked_to or lane  # it may have been merged meanwhile
        refunds = await rows_of_lane(self._store, RefundRow, owner)
        mine = next(row for row in refunds if row.command == done.id)
        return Refunded(mine, done.id, waits=done.state == PLANNED)

    async def _share(self, row: InvoiceRow, units: Units) -> int:
        """What the units come to, of what was paid. Raises NotFound where no line is of the offer."""
        view = await self._store.look(Question(objects=(row.key,)))
        reference = view.references.get(row.key)
        registers = view.clusters[reference.root].registers if reference else {}
        bill = registers[row.key].newest.body if row.key in registers else None
        if isinstance(bill, InvoiceSeen):
            offers = await self._store.offers([line.version for line in bill.lines if line.version])
            for line in bill.lines:
                offer = offers[line.version].offer if line.version in offers else ""
                if units.version in ("", line.version) and units.offer in ("", offer):
                    gone = row.refunded + row.refunding if len(bill.lines) == 1 else 0
                    amount = line_share(bill, line)
                    return units_share(amount, bill.currency, line.quantity, units.count, gone)
        raise NotFound(f"{row.key} has no line of {units.offer or units.version or 'any offer'}")

    async def _invoice(self, lane: str, invoice: str) -> InvoiceRow:
        row = await row_of_lane(self._store, InvoiceRow, lane, invoice)
        if row is not None:
            return row
        raise NotFound(
            f"{customer_of(lane) or lane!r} has no invoice {invoice!r}",
            hint="`billing.invoices.list` returns them.",
        )


def _wish(row: InvoiceRow, amount: int | None, reason: RefundReason) -> RefundWish:
    gone = row.refunded + row.refunding + row.disputed
    left = row.paid - gone
    if row.paid == 0:
        raise WrongState(f"nothing was paid of {row.key}")
    wanted = left if amount is None else amount
    if not 0 < wanted <= left:
        amounts = (wanted, row.paid, row.refunded, row.refunding, row.disputed)
        asked, paid, back, going, disputed = (money_of(one, row.currency) for one in amounts)
        raise ExceedsBalance(
            f"{asked if amount else 'nothing'} cannot go back of {row.key}: of {paid}, "
            f"{back} went back, {going} are on their way, {disputed} are disputed"
        )
    return RefundWish(row.provider_id, wanted, row.currency, wanted == row.paid, reason)


def _read(command: Command) -> RefundWish:
    return msgspec.json.decode(command.request, type=RefundWish)
