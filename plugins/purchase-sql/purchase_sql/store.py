"""What every SQL store reads alike. A store says how statements are run, and does its own writing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from purchase_core.catalog.versions import OfferVersion, decode_offer
from purchase_core.facts.fact import RecordedFact
from purchase_core.facts.rows import InvoiceRow
from purchase_core.instants import Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.deadlines import D, Deadline
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.ports.store import Holders, N, Question, Store, TableRow, View
from purchase_core.records.command import Command
from purchase_core.records.delivery import Delivery
from purchase_core.records.details import Details
from purchase_core.records.effect import EFFECTS_PER_VERSION_MAX, Effect
from purchase_core.records.lane import Lane
from purchase_core.records.mailbox import Mailbox
from purchase_core.records.movement import Movement
from purchase_core.records.reference import PriceReference, Reference
from purchase_sql import decode
from purchase_sql.asking import EVERYTHING
from purchase_sql.encode import Operation, pair_list, text_list
from purchase_sql.operator_reads import SqlOperatorReads

R = TypeVar("R", bound=TableRow)
T = TypeVar("T")


class SqlStore(SqlOperatorReads, Store):
    """The reading half of a store over the shared statements."""

    # --- claims ------------------------------------------------------------------------------

    async def claim(
        self, *, now: Instant, lease_until: Instant, limit: int, newest: bool = False
    ) -> Sequence[Delivery]:
        """Take pending rows that are due and free, oldest first."""
        text = self._texts.claim_newest if newest else self._texts.claim
        records = await self._taken(text, (now, lease_until, limit))
        # RETURNING comes in whatever order the rows were updated in.
        claimed = [decode.delivery(record) for record in records]
        return sorted(claimed, key=lambda one: (one.available_at, one.id))

    async def claim_mailboxes(
        self, subscriber: str, *, now: Instant, lease_until: Instant, limit: int
    ) -> Sequence[Mailbox]:
        """Take waiting mailboxes that are due and free, oldest first."""
        values = (subscriber, now, lease_until, limit)
        claimed = [decode.mailbox(one) for one in await self._taken(self._texts.mailbox_claim, values)]
        return sorted(claimed, key=lambda one: (one.available_at, one.lane))

    # --- for a decision ----------------------------------------------------------------------

    async def committed(self, batch_id: str) -> bool:
        """Whether a batch of this id was written."""
        return bool(await self._rows(self._texts.batch, (batch_id,)))

    async def _all_committed(self, batches: Sequence[Batch]) -> bool:
        """Whether they were written before; mostly the first of them says that they were not."""
        for one in batches:
            if not await self.committed(one.id):
                return False
        return True

    async def look(self, question: Question) -> View:
        """Everything the question names, from one snapshot."""
        names = self._texts
        objects = text_list(question.objects)
        asked: list[Operation] = [
            (names.look_lanes, (text_list((*question.lanes, *question.whole_lanes)), objects)),
            (names.look_references, (objects,)),
            (names.look_clusters, (objects,)),
        ]
        if question.whole_lanes:
            asked.append((names.look_whole_lanes, (text_list(question.whole_lanes),)))
        if question.prices:
            asked.append((names.look_prices, (pair_list(question.prices),)))
        lanes, references, *others = await self._snapshot(asked)
        prices = others.pop() if question.prices else ()
        return View(
            {record[0]: decode.reference(record) for record in references},
            {(record[0], record[1]): decode.price(record) for record in prices},
            decode.lanes(lanes),
            {record[0]: self._clusters.read(*record) for records in others for record in records},
        )

    async def lane(self, lane: str) -> Lane:
        """One lane; version 0 if it does not exist."""
        found = await self._rows(self._texts.lane, (lane,))
        return decode.lane(found[0]) if found else Lane(lane)

    async def offers(self, hashes: Sequence[str]) -> Mapping[str, OfferVersion]:
        """Offer versions that were sold, by hash."""
        found = await self._rows(self._texts.offers, (text_list(hashes),))
        return {key: decode_offer(body) for key, body in found}

    async def price_for(
        self, connection: str, version: str, currency: str, variant: str = ""
    ) -> PriceReference | None:
        """The newest price of a variant of an offer version in a currency that has not ended."""
        values = (connection, version, currency, variant)
        return await self._one(decode.price, self._texts.price_for, values)

    async def prices_of(
        self, connection: str, *, after: tuple[str, str] = ("", ""), limit: int = PAGE_ROWS_MAX
    ) -> Sequence[PriceReference]:
        """Every price of a connection, by ascending (price, currency)."""
        found = await self._page(self._texts.prices_of, (connection, *after, limit))
        return [decode.price(record) for record in found]

    async def holders(self, connection: str) -> Sequence[Holders]:
        """How many live agreements there are of each offer version."""
        return [Holders(*record) for record in await self._page(self._texts.holders, (connection,))]

    async def references_of(self, lane: str, kind: str) -> Sequence[Reference]:
        """References of one kind that belong to a lane, by ascending object."""
        # `;` is the character after `:`, so the range holds what begins with `kind:`.
        found = await self._rows(self._texts.references_of, (lane, f"{kind}:", f"{kind};"))
        return [decode.reference(record) for record in found]

    async def command(self, key: str) -> Command | None:
        """The command of this key."""
        return await self._one(decode.command, self._texts.command, (key,))

    async def command_by_id(self, command_id: str) -> Command | None:
        """The command of this id."""
        return await self._one(decode.command, self._texts.command_by_id, (command_id,))

    async def open_commands(
        self, kinds: Collection[str], *, before: Instant, limit: int
    ) -> Sequence[Command]:
        """Commands of these kinds not known to have ended, last touched before, oldest first."""
        found = await self._page(self._texts.commands_open, (text_list(sorted(kinds)), before, limit))
        return [decode.command(record) for record in found]

    async def movement(self, key: str) -> Movement | None:
        """The movement of this key."""
        return await self._one(decode.movement, self._texts.movement, (key,))

    async def drawn(self, lots: Sequence[str]) -> Mapping[str, int]:
        """What was taken of these lots."""
        found = await self._rows(self._texts.drawn, (text_list(lots),))
        return {record[0]: record[1] for record in found}

    async def due(
        self, deadline: Deadline[D], *, after: tuple[Instant, str], until: Instant, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[D]:
        """Rows of a deadline, soonest first."""
        found = await self._page(self._texts.due[deadline.name], (*after, until, limit))
        return [decode.row(deadline.row_type, record) for record in found]

    # --- for people and replay ---------------------------------------------------------------

    async def delivery(self, connection: str, event_id: str) -> Delivery | None:
        """The inbox row of an event."""
        return await self._one(decode.delivery, self._texts.delivery, (connection, event_id))

    async def known_events(self, connection: str, event_ids: Sequence[str]) -> frozenset[str]:
        """Which of these events have an inbox row."""
        events = pair_list([(connection, one) for one in event_ids])
        return frozenset(event for _, event in await self._page(self._texts.found_events, (events,)))

    async def delivery_by_id(self, delivery_id: str) -> Delivery | None:
        """The inbox row of this id."""
        return await self._one(decode.delivery, self._texts.delivery_by_id, (delivery_id,))

    async def facts(
        self, lane: str, *, known_at: Instant | None = None, after: int = 0, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[tuple[int, RecordedFact]]:
        """Facts of a lane, in order of recording."""
        values = (lane, EVERYTHING if known_at is None else known_at, after, limit)
        return [decode.recorded_fact(record) for record in await self._page(self._texts.facts, values)]

    async def linked_lanes(self, lane: str) -> Sequence[str]:
        """Lanes that are linked to this one, ascending."""
        return [name for (name,) in await self._page(self._texts.linked_lanes, (lane,))]

    async def facts_about(self, root: str) -> Sequence[RecordedFact]:
        """Facts about the objects of one cluster, by the instant of recording."""
        found = await self._page(self._texts.facts_about, (root,))
        return [decode.recorded_fact(record)[1] for record in found]

    async def rows(
        self, row_type: type[R], *, lane: str = "", after_key: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[R]:
        """Rows of one table by ascending key; of one lane, or of all."""
        if lane:
            found = await self._page(self._texts.row_page_of_lane[row_type], (lane, after_key, limit))
        else:
            found = await self._page(self._texts.row_page[row_type], (after_key, limit))
        return [decode.row(row_type, record) for record in found]

    async def newest(
        self,
        row_type: type[N],
        lane: str,
        *,
        before: tuple[Instant, str] | None = None,
        limit: int = PAGE_ROWS_MAX,
    ) -> Sequence[N]:
        """Rows of one lane, the newest first."""
        values = (lane, *(before or (EVERYTHING, "")), limit)
        found = await self._page(self._texts.row_newest[row_type], values)
        return [decode.row(row_type, record) for record in found]

    async def open_bills(
        self, lane: str, *, before: tuple[Instant, str] | None = None, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[InvoiceRow]:
        """Bills of one lane that wait for their money, the newest first."""
        found = await self._page(self._texts.bills_open, (lane, *(before or (EVERYTHING, "")), limit))
        return [decode.row(InvoiceRow, record) for record in found]

    async def movements(self, lane: str, *, after: int = 0, limit: int = PAGE_ROWS_MAX) -> Sequence[Movement]:
        """The journal of one lane, in order."""
        found = await self._page(self._texts.movements, (lane, after, limit))
        return [decode.movement(record) for record in found]

    async def effects(self, lane: str, *, after: int = -1, limit: int = PAGE_ROWS_MAX) -> Sequence[Effect]:
        """The outbox of one lane, in order."""
        values = (lane, *divmod(after, EFFECTS_PER_VERSION_MAX), limit)
        return [decode.effect(one) for one in await self._page(self._texts.effects, values)]

    async def known_effects(self, keys: Sequence[str]) -> frozenset[str]:
        """Which effects of these keys were written."""
        found = await self._page(self._texts.effects_known, (text_list(keys),))
        return frozenset(key for (key,) in found)

    async def details(self, customer: str) -> Details | None:
        """What is kept of a person."""
        return await self._one(decode.details, self._texts.details, (customer,))

    async def subscribers(self) -> Sequence[str]:
        """Names of the known subscribers, ascending."""
        return [name for (name,) in await self._rows(self._texts.subscribers, ())]

    async def mailbox(self, subscriber: str, lane: str) -> Mailbox | None:
        """How far a subscriber has come in a lane."""
        return await self._one(decode.mailbox, self._texts.mailbox, (subscriber, lane))

    async def mailboxes(
        self, subscriber: str, *, state: str, after_lane: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[Mailbox]:
        """Mailboxes of a subscriber in one state, by ascending lane."""
        values = (subscriber, state, after_lane, limit)
        return [decode.mailbox(one) for one in await self._page(self._texts.mailboxes, values)]

    async def lanes(self, *, after: str = "", limit: int = PAGE_ROWS_MAX) -> Sequence[Lane]:
        """Lanes by ascending name."""
        return [decode.lane(one) for one in await self._page(self._texts.lanes_page, (after, limit))]
