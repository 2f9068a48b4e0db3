"""The cluster: objects that name each other, folded together.

A checkout intent, its attempts and sessions, the subscription and first invoice that answer it, their
refunds and disputes: one connected component, small and bounded. A fact touches one cluster, or joins
several into one; so applying it costs the same after ten facts as after ten million.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

import msgspec

from purchase_core.facts.bodies import Body
from purchase_core.facts.fact import Fact, decode_body
from purchase_core.facts.register import Register, Sighting, join, register
from purchase_core.instants import Instant
from purchase_core.values import Value


class Cluster(Value, frozen=True):
    """Registers of connected objects, by object key. `root` is the least key, an intent's if there is one.

    Objects that are only named do not count for the root: they may turn out to be another customer's, and
    two clusters must never have one root.
    """

    root: str
    lane: str
    registers: Mapping[str, Register]

    def members(self) -> frozenset[str]:
        """Every object that is in it or only named by it."""
        named = {name for one in self.registers.values() for name in one.names}
        return frozenset(named.union(self.registers))


class _Group(NamedTuple):
    """What belongs together, as it is found out: every member, and those that have a register."""

    members: list[str]
    registers: list[str]


class StoredCluster(Value, frozen=True):
    """A cluster as a store keeps it: `registers` is what `encode_cluster` writes."""

    root: str
    lane: str
    registers: str


def clustered(lane: str, registers: Mapping[str, Register]) -> list[Cluster]:
    """The clusters of all these registers: which of them name each other, however indirectly."""
    group_of: dict[str, _Group] = {}
    for key, one in registers.items():
        mine = group_of.get(key) or _Group([key], [])
        mine.registers.append(key)
        group_of[key] = mine
        for name in one.names:
            other = group_of.get(name)
            if other is None:
                mine.members.append(name)
                group_of[name] = mine
            elif other is not mine:
                # The shorter is moved to the longer, so that no member is moved often.
                mine, other = (mine, other) if len(mine.members) >= len(other.members) else (other, mine)
                mine.registers.extend(other.registers)
                mine.members.extend(other.members)
                group_of.update(dict.fromkeys(other.members, mine))
    groups: dict[int, _Group] = {id(one): one for one in group_of.values()}
    clusters = ({key: registers[key] for key in one.registers} for one in groups.values())
    return [Cluster(_root(members), lane, members) for members in clusters]


def absorb(clusters: Iterable[Cluster], fact: Fact, lane: str) -> Cluster:
    """The one cluster that these clusters become when `fact` joins them. Each must be named by it."""
    registers: dict[str, Register] = {}
    for cluster in clusters:
        for key, known in cluster.registers.items():
            registers[key] = join(registers[key], known) if key in registers else known
    fresh = register(fact)
    known_register = registers.get(fact.object)
    registers[fact.object] = join(known_register, fresh) if known_register else fresh
    return Cluster(_root(registers), lane, registers)


def _root(registers: Mapping[str, Register]) -> str:
    intents = [key for key in registers if key.startswith("intent:")]
    return min(intents or registers)


def encode_cluster(cluster: Cluster) -> bytes:
    """JSON of the registers, as a store keeps it."""
    return _encode([_packed(cluster.registers[key]) for key in sorted(cluster.registers)])


def decode_cluster(root: str, lane: str, data: bytes | str) -> Cluster:
    """The cluster again. Raises msgspec.ValidationError on anything that `encode_cluster` did not write."""
    registers = (_unpack(packed) for packed in _PACKED.decode(data))
    return Cluster(root, lane, {one.object: one for one in registers})


class _PackedSighting(msgspec.Struct, array_like=True, frozen=True):
    order: int
    digest: str
    final: bool
    body: msgspec.Raw


class _PackedRegister(msgspec.Struct, array_like=True, frozen=True):
    object: str
    names: tuple[str, ...]
    rivals: tuple[str, ...]
    newest: _PackedSighting
    first: _PackedSighting | None  # None: the first is the newest


_PACKED = msgspec.json.Decoder(list[_PackedRegister])
_encode = msgspec.json.Encoder().encode

_WrittenSighting: TypeAlias = tuple[int, str, bool, Body]
_Written: TypeAlias = tuple[str, tuple[str, ...], tuple[str, ...], _WrittenSighting, _WrittenSighting | None]
"""As `_PackedSighting` and `_PackedRegister`, with the body itself."""


def _packed(one: Register) -> _Written:
    first = None if one.first is one.newest or one.first == one.newest else _packed_sighting(one.first)
    return one.object, one.names, one.rivals, _packed_sighting(one.newest), first


def _packed_sighting(one: Sighting) -> _WrittenSighting:
    return one.order, one.digest, one.final, one.body


def _unpack(packed: _PackedRegister) -> Register:
    kind = packed.object.partition(":")[0]
    newest = _unpack_sighting(kind, packed.newest)
    first = newest if packed.first is None else _unpack_sighting(kind, packed.first)
    return Register(packed.object, newest, first, packed.rivals, packed.names)


def _unpack_sighting(kind: str, packed: _PackedSighting) -> Sighting:
    return Sighting(Instant(packed.order), decode_body(kind, bytes(packed.body)), packed.digest, packed.final)
