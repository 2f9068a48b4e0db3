"""What a broken constraint means: which guard ended the batch, and on which of its keys.

A database names the constraint, not the key. So the batch is over, a look-up finds the key, and nothing of
this costs a batch that succeeds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from purchase_core.errors import KeyConflict, LaneConflict, LeaseLost, StoreError
from purchase_core.ports.batch import Batch
from purchase_sql.encode import Operation, pair_list, text_list
from purchase_sql.texts import Texts


class Guard(StrEnum):
    """Named constraints whose breach is an answer, not a fault. Names are those of the schema."""

    BATCH = "batches_once"
    LANE = "lanes_expected"
    FACT = "facts_same"
    MOVEMENT = "movements_once"
    PRICE = "prices_same"
    COMMAND = "commands_same"
    DELIVERY = "deliveries_once"
    LEASE = "deliveries_held"
    MAILBOX = "mailboxes_held"


_CHECK = re.compile(r"CHECK constraint failed: (\w+)")
_UNIQUE = re.compile(r"UNIQUE constraint failed: (\w+)\.(\w+)")
_GUARDS = {guard.value: guard for guard in Guard}
_TAKEN_IDS = {
    ("commands", "id"): Guard.COMMAND,
    ("deliveries", "id"): Guard.DELIVERY,
    ("movements", "lane"): Guard.MOVEMENT,
}
_TAKEN_ID_NAMES = {
    "commands_id": Guard.COMMAND,
    "deliveries_pk": Guard.DELIVERY,
    "movements_lane": Guard.MOVEMENT,
}


def broken_guard(message: str, prefix: str) -> Guard | None:
    """The guard that an error text of SQLite or D1 is about; None if it is about something else."""
    if check := _CHECK.search(message):
        name = check.group(1).removeprefix(prefix)
        return _GUARDS.get(name)
    if unique := _UNIQUE.search(message):
        return _TAKEN_IDS.get((unique.group(1).removeprefix(prefix), unique.group(2)))
    return None


def broken_constraint(name: str, prefix: str) -> Guard | None:
    """The guard that a constraint of this name is, for databases that name it; None if it is none."""
    plain = name.removeprefix(prefix)
    return _GUARDS.get(plain) or _TAKEN_ID_NAMES.get(plain)


def inquiry(texts: Texts, batch: Batch, guard: Guard) -> Operation:
    """What to read to find the key that broke a guard."""
    match guard:
        case Guard.LANE:
            return texts.found_lanes, (text_list(step.lane for step in batch.lanes),)
        case Guard.FACT:
            return texts.found_facts, (text_list(one.fact.key for one in batch.facts),)
        case Guard.MOVEMENT:
            return texts.found_movements, (text_list(one.key for one in batch.movements),)
        case Guard.PRICE:
            return texts.look_prices, (pair_list([(one.connection, one.price) for one in batch.prices]),)
        case Guard.COMMAND:
            return texts.command, ("" if batch.command is None else batch.command.key,)
        case Guard.DELIVERY:
            return texts.found_events, (
                pair_list([(one.connection, one.event_id) for one in batch.deliveries]),
            )
        case Guard.LEASE:
            return texts.found_fences, (text_list(one.id for one in batch.settlements),)
        case Guard.MAILBOX:
            held = [(one.subscriber, one.lane) for one in batch.told]
            return texts.found_mailboxes, (pair_list(held),)
        case Guard.BATCH:
            return texts.batch, (batch.id,)


def refusal(batch: Batch, guard: Guard, found: Sequence[Sequence[Any]]) -> StoreError | None:
    """The error to raise, given what the inquiry found; None: the batch was written before, all is well.

    Others may have moved on since, so that nothing is wrong any more: then the first key is blamed.
    """
    match guard:
        case Guard.BATCH:
            return None
        case Guard.LANE:
            return _lane_conflict(batch, {one[0]: one[1] for one in found})
        case Guard.FACT:
            return KeyConflict("fact", _fact_key(batch, {one[0]: one[1] for one in found}))
        case Guard.MOVEMENT:
            return KeyConflict("movement", _movement_key(batch, {one[0] for one in found}))
        case Guard.PRICE:
            return KeyConflict(
                "price", _price_key(batch, {(one[0], one[1], one[4]): one[3] for one in found})
            )
        case Guard.COMMAND:
            return KeyConflict("command", "" if batch.command is None else batch.command.key)
        case Guard.DELIVERY:
            return KeyConflict("delivery", _event(batch, {(one[0], one[1]) for one in found}))
        case Guard.LEASE:
            return _lease_lost(batch, {one[0]: one[1] for one in found})
        case Guard.MAILBOX:
            return _mailbox_lost(batch, {(one[0], one[1]): one[2] for one in found})


def _lane_conflict(batch: Batch, versions: dict[str, int]) -> LaneConflict:
    for step in batch.lanes:
        version = versions.get(step.lane, 0)
        if version != step.expected_version:
            return LaneConflict(f"lane {step.lane!r} is at {version}, not at {step.expected_version}")
    names = ", ".join(repr(step.lane) for step in batch.lanes)
    return LaneConflict(f"one of the lanes {names} was at another version")


def _fact_key(batch: Batch, digests: dict[str, str]) -> str:
    seen = dict(digests)
    for one in batch.facts:
        if seen.setdefault(one.fact.key, one.fact.digest) != one.fact.digest:
            return one.fact.key
    return batch.facts[0].fact.key


def _movement_key(batch: Batch, taken: set[str]) -> str:
    for one in batch.movements:
        if one.key in taken:
            return one.key
        taken.add(one.key)
    return batch.movements[0].key


def _price_key(batch: Batch, versions: dict[tuple[str, str, str], str]) -> str:
    keys = [(one.connection, one.price, one.currency) for one in batch.prices]
    for key, one in zip(keys, batch.prices, strict=True):
        if versions.setdefault(key, one.version) != one.version:
            return ":".join(key)
    return ":".join(keys[0])


def _event(batch: Batch, known: set[tuple[str, str]]) -> str:
    for one in batch.deliveries:
        event = (one.connection, one.event_id)
        if event in known:
            return ":".join(event)
        known.add(event)
    return batch.deliveries[0].id


def _lease_lost(batch: Batch, fences: dict[str, int]) -> LeaseLost:
    for one in batch.settlements:
        if fences.get(one.id) != one.fence:
            return LeaseLost(f"delivery {one.id!r} is not held under fence {one.fence}")
    return LeaseLost(f"delivery {batch.settlements[0].id!r} is over, or was claimed by another worker")


def _mailbox_lost(batch: Batch, fences: dict[tuple[str, str], int]) -> LeaseLost:
    for one in batch.told:
        if fences.get((one.subscriber, one.lane)) != one.fence:
            break
    return LeaseLost(f"the mailbox of {one.subscriber!r} of {one.lane!r} is not held under fence {one.fence}")
