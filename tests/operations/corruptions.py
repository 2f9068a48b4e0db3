"""What may go wrong on a disk, or by a hand: each of one kind, at a place of chance."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import attrs
from msgspec.structs import fields, replace

from purchase_core.access.live import EMPTY, encode_live
from purchase_core.catalog.versions import FlagGrant
from purchase_core.facts.cluster import Cluster
from purchase_core.facts.rows import CaseRow, Row
from purchase_core.records.lane import Lane
from purchase_core.records.reference import Reference
from purchase_core.testing.memory_store import MemoryDatabase

GHOST = "customer:ghost"
T = TypeVar("T")
Spoil = Callable[[MemoryDatabase, random.Random], None]


def one_of(values: Iterable[T], chance: random.Random) -> T:
    return chance.choice(sorted(values, key=repr))


def a_row(db: MemoryDatabase, chance: random.Random) -> Row:
    return one_of([row for row in db.rows.values() if not isinstance(row, CaseRow)], chance)


def change_a_column(db: MemoryDatabase, chance: random.Random) -> None:
    row = a_row(db, chance)
    name = chance.choice([one.name for one in fields(row) if one.name != "key"])
    value: Any = getattr(row, name)
    other = not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else f"{value}x"
    db.rows[type(row), row.key] = replace(row, **{name: other})


def lose_a_row(db: MemoryDatabase, chance: random.Random) -> None:
    row = a_row(db, chance)
    del db.rows[type(row), row.key]


def invent_a_row(db: MemoryDatabase, chance: random.Random) -> None:
    row = replace(a_row(db, chance), key="stray", lane=chance.choice([GHOST, "customer:ana"]))
    db.rows[type(row), row.key] = row


def change_a_fact(db: MemoryDatabase, chance: random.Random) -> None:
    key = one_of(db.facts, chance)
    one = db.facts[key]
    changed = [
        replace(one, fact=replace(one.fact, digest="0" * 32)),
        replace(one, fact=replace(one.fact, body=replace(one.fact.body, id="other"))),
        replace(one, lane=GHOST),
        replace(one, cause="delivery_ghost"),
    ]
    db.facts[key] = chance.choice(changed)


def move_a_fact(db: MemoryDatabase, chance: random.Random) -> None:
    db.positions[one_of(db.positions, chance)] = 1 << 60


def lose_a_fact(db: MemoryDatabase, chance: random.Random) -> None:
    key = one_of(db.facts, chance)
    del db.facts[key], db.positions[key]


def a_cluster(db: MemoryDatabase, chance: random.Random) -> Cluster:
    return db.clusters[one_of(db.clusters, chance)]


def lose_a_cluster(db: MemoryDatabase, chance: random.Random) -> None:
    del db.clusters[a_cluster(db, chance).root]


def move_a_cluster(db: MemoryDatabase, chance: random.Random) -> None:
    one = a_cluster(db, chance)
    db.clusters[one.root] = replace(one, lane=GHOST)


def cut_a_cluster(db: MemoryDatabase, chance: random.Random) -> None:
    one = a_cluster(db, chance)
    db.clusters[one.root] = replace(one, registers=dict(list(one.registers.items())[1:]))


def a_reference(db: MemoryDatabase, chance: random.Random) -> Reference:
    registered = {key for one in db.clusters.values() for key in one.registers}
    return db.references[one_of(registered & db.references.keys(), chance)]


def lose_a_reference(db: MemoryDatabase, chance: random.Random) -> None:
    del db.references[a_reference(db, chance).object]


def lead_a_reference_astray(db: MemoryDatabase, chance: random.Random) -> None:
    one = a_reference(db, chance)
    db.references[one.object] = replace(one, **chance.choice([{"root": "ghost"}, {"lane": GHOST}]))


def invent_a_reference(db: MemoryDatabase, chance: random.Random) -> None:
    key = f"invoice:sandbox:ghost_{chance.random()}"
    db.references[key] = Reference(key, "customer:ana", "ghost")


def empty_a_document(db: MemoryDatabase, chance: random.Random) -> None:
    empty = encode_live(EMPTY)
    lane: Lane = one_of([one for one in db.lanes.values() if len(one.document) > len(empty)], chance)
    db.lanes[lane.lane] = replace(lane, document=empty)


def break_a_link(db: MemoryDatabase, chance: random.Random) -> None:
    lane = one_of([one for one in db.lanes.values() if one.linked_to], chance)
    db.lanes[lane.lane] = replace(lane, linked_to=GHOST)


def move_an_effect(db: MemoryDatabase, chance: random.Random) -> None:
    one = one_of(db.effects.values(), chance)
    db.effects[one.key] = replace(one, lane=GHOST)


def rename_a_price(db: MemoryDatabase, chance: random.Random) -> None:
    key = one_of(db.prices, chance)
    db.prices[key] = replace(db.prices[key], version="ghost")


def change_an_offer(db: MemoryDatabase, chance: random.Random) -> None:
    sold = {getattr(row, "version", "") for row in db.rows.values()} & db.offers.keys()
    key = one_of(sold, chance)
    offer = db.offers[key]
    db.offers[key] = attrs.evolve(offer, grants=(*offer.grants, FlagGrant("ghost")))


CORRUPTIONS: dict[Spoil, int] = {
    change_a_column: 30,
    lose_a_row: 10,
    invent_a_row: 5,
    change_a_fact: 10,
    move_a_fact: 3,
    lose_a_fact: 5,
    lose_a_cluster: 4,
    move_a_cluster: 4,
    cut_a_cluster: 4,
    lose_a_reference: 5,
    lead_a_reference_astray: 5,
    invent_a_reference: 3,
    empty_a_document: 5,
    break_a_link: 3,
    move_an_effect: 3,
    rename_a_price: 3,
    change_an_offer: 3,
}
"""Each with how often it is done: a hundred and more in all."""
