"""An account of the simulated provider: its book, what it tells, and the keys that it remembers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import attrs
import msgspec

from purchase_core.instants import SECOND, Clock
from purchase_core.ports.provider import Capabilities, Capability
from purchase_core.testing.simulation.provider.book import Book
from purchase_core.testing.simulation.provider.dialect import Dialect
from purchase_core.testing.simulation.provider.objects import Document, Thing, Told

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode


class Refusal(Exception):  # what happened, as in the core
    """The provider says no; nothing happened."""

    def __init__(self, message: str, *, code: str = "refused") -> None:
        super().__init__(message)
        self.code = code


@attrs.define
class Sent:
    """An event, as it goes out: its id, type, bytes and the keys of the objects in it."""

    id: str
    type: str
    body: bytes


@attrs.define
class _Remembered:
    until: int
    request: object
    answer: object


class Account:
    """An account. All in it happens at `now()`: the clock's time, or that of something that was due."""

    def __init__(self, connection: str, dialect: Dialect, clock: Clock, *, mode: str = "test") -> None:
        self.name = f"acct_{connection}"
        self.connection = connection
        self.dialect = dialect
        self.mode = mode
        self.book = Book(connection)
        self.events: list[Sent] = []
        self.exhausted = dialect.exhausted[0]
        self.asynchronous_refunds = False  # of a dialect that needs no approval
        self.lag_seconds = 0
        self.lists_events = True  # else only what there is can be listed, not what happened
        self.calls = 0
        self.asked: list[tuple[object, ...]] = []  # changes that were asked for, as they came
        self.to_close: set[str] = set()  # pages that somebody has tried to close
        self.unheard: set[str] = set()  # pages of which nobody was ever told
        self.refuses = False  # new checkouts
        self._clock = clock
        self._due: int | None = None
        self._last = 0
        self._made = 0
        self._keys: dict[str, _Remembered] = {}

    @property
    def capabilities(self) -> Capabilities:
        """What this account is capable of."""
        declared = self.dialect.capabilities
        if self.lists_events:
            return declared
        return attrs.evolve(declared, declared=declared.declared - {Capability.LIST_EVENTS})

    # --- time and names ----------------------------------------------------------------------

    def now(self) -> int:
        """The present instant, or that at which what is being done was due, as exact as the provider is."""
        moment = self._clock.now() if self._due is None else self._due
        return moment // self.dialect.resolution * self.dialect.resolution

    def at_the_time(self, due: int, act: Callable[[], object]) -> None:
        """Do something as of the instant at which it was due; if that is over, behind what has happened."""
        self._due = max(due, self._last)
        try:
            act()
        finally:
            self._due = None

    def stamp(self) -> int:
        """A time for what changes now; where times are exact, no two are alike."""
        now = self.now()
        self._last = now if self.dialect.resolution > 1 else max(now, self._last + 1)
        return self._last

    def new(self, prefix: str) -> str:
        """An identifier."""
        self._made += 1
        return f"{prefix}_{self.connection}_{self._made:04d}"

    # --- telling -----------------------------------------------------------------------------

    def changed(self, *things: Thing) -> None:
        """These look different now."""
        stamp = self.stamp()
        for thing in things:
            thing.at = stamp

    def tell(self, type_: str, *objects: Thing) -> None:
        """An event about objects as they are at this moment."""
        name = self.new("evt")
        created = self.now()
        shown = cast("list[Document]", list(objects))
        self.events.append(
            Sent(name, type_, _encode(Told(name, type_, created, self.name, self.mode, shown)))
        )

    # --- keys --------------------------------------------------------------------------------

    def once(self, key: str, request: object, effect: Callable[[], T]) -> T:
        """The effect's answer; the same one again under the same key, while keys are remembered.

        Raises Refusal where a key comes with another request.
        """
        lifetime = self.dialect.capabilities.key_lifetime_seconds
        if not lifetime:
            return effect()
        now = self._clock.now()
        known = self._keys.get(key)
        if known is not None and known.until > now:
            if known.request != request:
                raise Refusal("the key was used for another request")
            return cast("T", known.answer)
        answer = effect()
        self._keys[key] = _Remembered(now + lifetime * SECOND, request, answer)
        return answer

    def found(self, things: dict[str, Any], name: str) -> Any:
        """An object of the book. Raises Refusal."""
        if name not in things:
            raise Refusal(f"there is no {name}")
        return things[name]
