"""Deeds: what an operator does by hand, each under a key of its own, with a receipt: who, and why."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from msgspec.structs import replace

from purchase_core.errors import InvalidArgument, PurchaseError
from purchase_core.identifiers import IdSource
from purchase_core.instants import Clock
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store
from purchase_core.projection.locks import LaneLocks
from purchase_core.records.run import FINISHED, RUNNING, Run
from purchase_core.text import identifier, storable
from purchase_core.values import Value

NOTE_CHARACTERS_MAX = 1_000
BY_HAND = "by-hand-"


class Deed(Value, frozen=True):
    """Something that is to be done once. `key` is the id of its run, made before it is asked for.

    `kind`: what is done; `about`: to what, in the version `seen`; `by` and `reason`: who does it, and why.
    """

    key: str
    kind: str
    about: str
    seen: str
    by: str
    reason: str = ""


class Deeds:
    """Does deeds, and keeps a run of each: begun before anything happens, finished with what came of it."""

    def __init__(self, store: Store, clock: Clock, ids: IdSource, *, code: str) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._code = code
        self._locks = LaneLocks()

    async def once(self, deed: Deed, work: Callable[[], Awaitable[Mapping[str, int]]]) -> Run:
        """Do it, unless that has begun before; `work` says what came of what.

        Whoever sends a deed again gets the run of the first time. What is done is guarded by itself too: this
        keeps a doubled request from being two. Raises InvalidArgument, and whatever `work` raises; the
        run says the error's code then, or its type.
        """
        async with self._locks.hold([deed.key]):
            return await self._once(deed, work)

    async def _once(self, deed: Deed, work: Callable[[], Awaitable[Mapping[str, int]]]) -> Run:
        known = await self._store.run(identifier("key", deed.key))
        if known is not None:
            if (known.kind, known.scope) != (BY_HAND + deed.kind, deed.about):
                raise InvalidArgument("this key is of another deed", hint="Load the page again.")
            return known
        now = self._clock.now()
        note = storable("note", _note(deed), characters_max=NOTE_CHARACTERS_MAX)
        run = Run(deed.key, BY_HAND + deed.kind, deed.about, RUNNING, self._code, now, now, note=note)
        await self._write(run)
        try:
            counts = await work()
        except Exception as error:  # else it would be told to go on to whoever asks again
            why = error.code if isinstance(error, PurchaseError) else type(error).__name__
            await self._write(replace(run, state=FINISHED, updated_at=self._clock.now(), counts={why: 1}))
            raise
        done = replace(run, state=FINISHED, updated_at=self._clock.now(), counts=dict(counts))
        await self._write(done)
        return done

    async def _write(self, run: Run) -> None:
        await self._store.commit(Batch(self._ids.new("batch"), self._clock.now(), runs=(run,)))


def _note(deed: Deed) -> str:
    seen = f" (saw {deed.seen})" if deed.seen else ""
    return f"{deed.by}: {deed.reason}{seen}" if deed.reason else f"{deed.by}{seen}"
