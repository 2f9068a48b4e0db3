"""A pass over a provider: of which kinds there are, how far one has come, and what it can find.

Each pass is a run of its own. Its cursor is a place; what came of it is counted by name.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from purchase_core.records.run import FINISHED, Run
from purchase_core.values import Value

EVENTS, OBJECTS = "reconcile-events", "reconcile-objects"
CUSTOMERS, HELD = "reconcile-customers", "reconcile-held"
PASSES = (EVENTS, OBJECTS, CUSTOMERS, HELD)
SAME, MISSED, MISSING, DIFFERS, FOREIGN, FAILED = "same", "missed", "missing", "differs", "foreign", "failed"
IGNORED, VANISHED, GONE = "ignored", "vanished", "gone"
DIFFERENCES = (MISSED, MISSING, DIFFERS, VANISHED)


class Left(Value, frozen=True):
    """Something that a kind of pass finds and leaves to a person: how it is counted, and what it is called.

    `says` is told to the person, of a connection.
    """

    kind: str
    counted: str
    name: str
    says: str


LEFT = (
    Left(HELD, VANISHED, "vanished", "live at {} by what is known here, and unknown there"),
    Left(CUSTOMERS, DIFFERS, "link", "linked to another customer than {} says"),
    Left(
        CUSTOMERS, GONE, "gone", "deleted or archived at {}; their next checkout needs another customer there"
    ),
)


class Found(Value, frozen=True):
    """Something that the provider knows otherwise than we do.

    `what`: missed (an event that never arrived) | missing (an object that is ours and not known) | differs
    (its state is another one, or it is linked to somebody else) | vanished (live here, and unknown there) |
    gone (a customer who is linked here, and deleted or archived there) | failed (it could not be understood).
    `about` is the event's id or the object's key; `kind` is the event's
    type or the object's kind; `rows` are what a repair changes.
    """

    what: str
    kind: str
    about: str
    reason: str = ""
    rows: tuple[str, ...] = ()


class Place(Value, frozen=True):
    """How far a pass has come. `cursor` and `before` are the provider's: this page's, and the one before.

    Where a pass goes through our own rows, `cursor` is the key of the last one. `anew`: the provider knew a
    cursor no more, and the pass is no further yet since it began its list again.
    """

    repair: bool
    kind: str = ""
    cursor: str = ""
    before: str = ""
    anew: bool = False


def place_of(run: Run) -> Place:
    """Where a pass stands."""
    return msgspec.json.decode(run.cursor, type=Place)


def encoded(place: Place) -> str:
    """A place as the cursor of a run."""
    return msgspec.json.encode(place).decode()


def moved(run: Run, place: Place) -> Run:
    """The run, come so far."""
    return replace(run, cursor=encoded(place))


def ended(run: Run, place: Place) -> Run:
    """The run, come to its end; `place` is what the next one wants to know."""
    return replace(moved(run, place), state=FINISHED)


def counted(run: Run, counts: Mapping[str, int]) -> Run:
    """The run, with these added to its counts."""
    sums = {name: run.counts.get(name, 0) + counts.get(name, 0) for name in {**run.counts, **counts}}
    return replace(run, counts=sums)
