"""The register: everything that one object's observations amount to, in any order.

`observe` is the join of a semilattice: commutative, associative, idempotent. The newest observation is
the maximum of a total order; the first one is its minimum; names only grow. Order-freeness follows from
that, and a property test says so.
"""

from __future__ import annotations

from collections.abc import Sequence

from purchase_core.facts.bodies import KIND_OF, STATE_RANK, Body
from purchase_core.facts.fact import Fact, mapped, names
from purchase_core.instants import Instant
from purchase_core.values import Value


class Sighting(Value, frozen=True):
    """One observation, as a register keeps it."""

    order: Instant
    body: Body
    digest: str
    final: bool = False


class Register(Value, frozen=True):
    """One object: its newest and its first sighting, rivals of the newest, and all it ever named.

    `rivals` are the digests of other states seen at the very instant of the newest: where there are any,
    the object is *contested*, and only the provider can say which is true.
    """

    object: str
    newest: Sighting
    first: Sighting
    rivals: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def contested(self) -> bool:
        """Two different states claim the same instant."""
        return bool(self.rivals)


def register(fact: Fact) -> Register:
    """The register of an object that was seen once."""
    sighting = _sighting(fact)
    return Register(fact.object, sighting, sighting, (), _ordered(names(fact)))


def observe(known: Register | None, fact: Fact) -> Register:
    """The register after one more fact."""
    fresh = register(fact)
    return fresh if known is None else join(known, fresh)


def join(a: Register, b: Register) -> Register:
    """What two registers of the same object know together."""
    newest = max(a.newest, b.newest, key=_precedence)
    return Register(
        a.object,
        newest,
        min(a.first, b.first, key=_seniority),
        _rivals(newest, a, b),
        a.names if a.names == b.names else tuple(sorted({*a.names, *b.names})),
    )


def registered(facts: Sequence[Fact]) -> Register:
    """The register after all these facts of one object: what joining them one by one comes to, at once."""
    if len(facts) == 1:
        return register(facts[0])
    tops, earliest = _extremes(facts)
    newest = max(map(_sighting, tops), key=_precedence) if len(tops) > 1 else _sighting(tops[0])
    first = min(map(_sighting, earliest), key=_seniority) if len(earliest) > 1 else _sighting(earliest[0])
    rivals = {one.digest for one in tops if one.digest != newest.digest} if len(tops) > 1 else ()
    named = set(map(names, facts))  # they mostly name the same
    told = named.pop() if len(named) == 1 else tuple({name for one in named for name in one})
    return Register(facts[0].object, newest, first, tuple(sorted(rivals)), _ordered(told))


def _extremes(facts: Sequence[Fact]) -> tuple[list[Fact], list[Fact]]:
    """Those that nothing is newer than, and those that nothing is older than."""
    tops, earliest = [facts[0]], [facts[0]]
    peak, least = (facts[0].final, facts[0].order), facts[0].order
    for one in facts[1:]:
        place = (one.final, one.order)
        if place > peak:
            peak, tops = place, [one]
        elif place == peak:
            tops.append(one)
        if one.order < least:
            least, earliest = one.order, [one]
        elif one.order == least:
            earliest.append(one)
    return tops, earliest


def _ordered(named: tuple[str, ...]) -> tuple[str, ...]:
    return named if len(named) < 2 else tuple(sorted(named))  # noqa: PLR2004  # of one there is one order


def _sighting(fact: Fact) -> Sighting:
    return Sighting(fact.order, fact.body, fact.digest, fact.final)


def _rivals(newest: Sighting, a: Register, b: Register) -> tuple[str, ...]:
    peak = _peak(newest)
    digests = {
        digest
        for one in (a, b)
        if _peak(one.newest) == peak
        for digest in (one.newest.digest, *one.rivals)
    }  # fmt: skip
    return tuple(sorted(digests - {newest.digest}))


def _peak(sighting: Sighting) -> tuple[bool, Instant]:
    # A final state beats every later sighting: a late "active" cannot wake what was cancelled.
    return sighting.final, sighting.order


def _precedence(sighting: Sighting) -> tuple[bool, Instant, int, str, int]:
    return sighting.final, sighting.order, _rank(sighting.body), sighting.digest, mapped(sighting.body)


def _seniority(sighting: Sighting) -> tuple[Instant, int, str, int]:
    return sighting.order, _rank(sighting.body), sighting.digest, -mapped(sighting.body)


def _rank(body: Body) -> int:
    states = STATE_RANK[KIND_OF[type(body)]]
    status = getattr(body, "status", "")
    # A state that this code has never heard of is data: it ranks below those that it knows.
    return states.index(status) if status in states else -1
