"""Export: everything that is known of customers, one line an object, to take it elsewhere.

Lanes come by ascending name, each with those that are linked to it, and as few at once are held as a rebuild
holds. Facts, rows and journal of a lane are read from one snapshot; details, ledger, commands and outbox
after it. Left out is what follows from the rest (clusters, documents of lanes), what is the provider's
(bodies of deliveries), what is the application's own (catalog, prices, runs), and what lets somebody in
(links of pages).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from functools import cache
from typing import Any, get_args, get_type_hints

import attrs
import msgspec

from purchase_core.errors import NotFound, WrongState
from purchase_core.facts.fact import RecordedFact
from purchase_core.identifiers import customer_id
from purchase_core.instants import Instant, to_text
from purchase_core.operations.sharing import ranges
from purchase_core.ports.paging import every_command_of, every_effect, every_movement, every_row
from purchase_core.ports.store import Store
from purchase_core.projection.shadow import Share, shares
from purchase_core.records.command import Command
from purchase_core.records.details import Details
from purchase_core.records.lane import Lane, customer_lane, customer_of
from purchase_core.records.ledger_rows import LEDGER_TYPES

LANE, DETAILS, REFERENCE, FACT, MOVEMENT, EFFECT, COMMAND = (
    "lane", "details", "reference", "fact", "movement", "effect", "command",
)  # fmt: skip


@attrs.frozen
class Line:
    """One object. `type`: lane | details | reference | fact | movement | effect | command, or a row's table.

    `lane` is where it is recorded; `owner` is the lane that this belongs to by now, the same unless it is
    linked, and `customer` is that one's ("" = nobody's yet). `data` can be encoded as JSON: whole numbers,
    texts, instants as ISO 8601 in UTC, amounts in minor units.
    """

    type: str
    lane: str
    owner: str
    customer: str
    data: Mapping[str, object]


class Export:
    """What is known of customers. Reads only."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def everything(self, *, after: str = "") -> AsyncIterator[Line]:
        """Every lane behind this owner with all that it holds, owner by owner. Raises StoreError."""
        async for first, last in ranges(self._store, after):
            for share in shares(await self._store.holdings(first, last)):
                async for line in self._lines(share):
                    yield line

    async def customer(self, customer: str) -> AsyncIterator[Line]:
        """The same of one customer, with whom was merged into them.

        Raises NotFound for whom nothing is known of, WrongState for who was merged into another, StoreError.
        """
        lane = customer_lane(customer_id(customer))
        found = shares(await self._store.holdings(lane, lane))
        if not found:
            await self._refuse(customer, lane)
        for share in found:
            async for line in self._lines(share):
                yield line

    async def _refuse(self, customer: str, lane: str) -> None:
        into = customer_of((await self._store.lane(lane)).linked_to)
        if into:
            raise WrongState(f"{customer!r} was merged into {into!r}", hint=f"Export {into!r}.")
        raise NotFound(f"nothing is known of customer {customer!r}")

    async def _lines(self, share: Share) -> AsyncIterator[Line]:
        owner = share.lane.lane
        for type_, lane, data in _held(share):
            yield Line(type_, lane, owner, customer_of(owner), data)
        for lane in (owner, *(one.lane for one in share.linked)):
            async for type_, data in self._read(lane, owner):
                yield Line(type_, lane, owner, customer_of(owner), data)

    async def _read(self, lane: str, owner: str) -> AsyncIterator[tuple[str, Mapping[str, object]]]:
        """What else is recorded in a lane, and is no part of its owner's share."""
        async for effect in every_effect(self._store, lane):
            yield EFFECT, plain(effect)
        async for command in every_command_of(self._store, lane):
            yield COMMAND, _command(command)
        if not customer_of(lane):  # what nobody owns has neither details nor a wallet
            return
        details = await self._store.details(customer_of(lane))
        if details is not None:
            yield DETAILS, _details(details)
        for table in LEDGER_TYPES:
            async for row in every_row(self._store, table, lane=lane):
                yield table.TABLE, plain(row)
        if lane != owner:  # a share has its owner's journal alone
            async for movement in every_movement(self._store, lane):
                yield MOVEMENT, plain(movement)


def _held(share: Share) -> Iterator[tuple[str, str, Mapping[str, object]]]:
    """What is read from one snapshot: the type of each, its lane, and what it holds."""
    for lane in (share.lane, *share.linked):
        yield LANE, lane.lane, _lane(lane)
    for reference in share.references.values():
        yield REFERENCE, reference.lane, plain(reference)
    for position, recorded in share.recorded:
        yield FACT, recorded.lane, _fact(position, recorded)
    for row in share.rows.values():
        yield row.TABLE, row.lane, plain(row)
    for movement in share.movements:
        yield MOVEMENT, movement.lane, plain(movement)


def _lane(lane: Lane) -> dict[str, object]:
    return {
        "lane": lane.lane,
        "version": lane.version,
        "linked_to": lane.linked_to,
        "reducer": lane.reducer,
        "erased": lane.erased,
    }


def _details(details: Details) -> dict[str, object]:
    return {
        "customer": details.customer,
        "body": msgspec.json.decode(details.body),
        "updated_at": _moment(details.updated_at),
    }


def _command(command: Command) -> dict[str, object]:
    """The receipt. What was asked and answered has links in it that let in whoever holds them."""
    return {
        "key": command.key,
        "id": command.id,
        "kind": command.kind,
        "lane": command.lane,
        "state": command.state,
        "connection": command.connection,
        "reference": command.reference,
        "created_at": _moment(command.created_at),
        "updated_at": _moment(command.updated_at),
        "stages": [{"name": one.name, "at": _moment(one.at), "detail": one.detail} for one in command.stages],
        "decision": msgspec.json.decode(command.decision) if command.decision else None,
    }


def _fact(position: int, recorded: RecordedFact) -> dict[str, object]:
    return {
        "key": recorded.fact.key,
        "position": position,
        "recorded_at": _moment(recorded.recorded_at),
        "cause": recorded.cause,
        "kind": recorded.fact.kind,
        **plain(recorded.fact),
    }


# --- encoded --------------------------------------------------------------------------------------


def plain(value: msgspec.Struct) -> dict[str, object]:
    """A value by its fields, ready for JSON. What is an instant is known by its type, not by its name."""
    instants = _instants(type(value))
    return {name: _plain(getattr(value, name), instant=name in instants) for name in value.__struct_fields__}


def _plain(value: Any, *, instant: bool) -> object:
    if isinstance(value, msgspec.Struct):
        return plain(value)
    if isinstance(value, list | tuple):
        return [_plain(one, instant=instant) for one in value]
    return _moment(value) if instant and value is not None else value


def _moment(moment: Instant) -> object:
    """ISO 8601; in microseconds since the epoch where a calendar has no such year."""
    try:
        return to_text(moment)
    except OverflowError:
        return moment


@cache
def _instants(of: type[msgspec.Struct]) -> frozenset[str]:
    """Names of the fields that hold instants."""
    hints = get_type_hints(of)
    return frozenset(name for name, hint in hints.items() if hint is Instant or Instant in get_args(hint))
