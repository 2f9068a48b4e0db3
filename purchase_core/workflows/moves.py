"""A move: one subscription goes from one connection to another, and is never billed on both. Pure.

    recorded ─► ending ─► offered ─► switched ─► done
                   │         │           │
                   └► undoing ┴─► undone  └─► both (somebody has to look)
                         └─► watched, where a page cannot be closed

The old one is told to end with its period before a page of the new one can be seen, so a new one is never
beside an old one that goes on. On the page the customer gives a payment method, for a trial until the old
period's end: nothing is taken before, and rights never stop. If nobody has paid by `undo_at`, the page is
closed first, and then the old one goes on as if nothing had been.

A customer who comes back after a day is shown another page. Where the one before it could not be closed, the
move is `guarded` when it is done: should that page be paid as well, what comes of it ends before it bills.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import attrs

from purchase_core.catalog.versions import OfferVersion
from purchase_core.facts.reading import ENDED_SUBSCRIPTIONS
from purchase_core.facts.rows import SubscriptionRow
from purchase_core.instants import DAY, SECOND, Instant
from purchase_core.money import Money
from purchase_core.values import Value


class Phase(StrEnum):
    """Where a move stands."""

    RECORDED = "recorded"
    ENDING = "ending"  # the old one ends with its period
    OFFERED = "offered"  # a page is there
    UNDOING = "undoing"  # the page is closed
    WATCHED = "watched"  # the old one goes on; a page that could not be closed may still be paid
    SWITCHED = "switched"  # the new one is there, the old one ends
    GUARDED = "guarded"  # done, but for a page that could not be closed and may still be paid
    DONE = "done"
    UNDONE = "undone"  # the old one goes on
    LEFT = "left"  # nothing was to be moved after all
    BOTH = "both"  # both have billed: somebody has to look


ENDED = frozenset({Phase.DONE, Phase.UNDONE, Phase.LEFT, Phase.BOTH})


REFUSED_AGAIN_SECONDS = 3_600
CLOCKS_SECONDS = 3_600  # by how much our clock may be ahead of the provider's, which says when one began
BOTH_HAVE_BILLED = "both have billed: give one of them back"


class Halt(StrEnum):
    """What is to become of moves under way."""

    NO = ""
    STOP = "stop"  # begin nothing
    UNDO = "undo"  # and take back what nobody has accepted yet


class Act(StrEnum):
    """What is to be done next."""

    NOTHING = "nothing"
    WAIT = "wait"
    END_OLD = "end old"
    OPEN_PAGE = "open page"
    CLOSE_PAGE = "close page"
    KEEP_OLD = "keep old"
    END_NOW = "end now"


class Move(Value, frozen=True):
    """What was decided: one subscription (its key), what it is of, and until when it is paid."""

    old: str
    new: str
    customer: str
    subscription: str
    offer: str
    version: str
    quantity: int
    unit_amount: int
    currency: str
    ends: Instant
    undo_at: Instant
    since: Instant  # when it was decided
    success_url: str
    cancel_url: str


class Progress(Value, frozen=True):
    """How far it is. `page` counts pages; `closed` says how the last one was closed: expired | withdrawn.

    `withdrawn`: one of those before it could not be closed.
    What a provider refuses is asked for again, under another key, an hour later.
    """

    phase: Phase = Phase.RECORDED
    page: int = 1
    closed: str = ""
    withdrawn: bool = False
    endings: int = 1  # how often the old one was told to end
    reason: str = ""
    refusals: int = 0  # how often a provider has said no, and when it last did
    refused_at: Instant = Instant(0)


@attrs.frozen
class Step:
    """What is to be done, which phase follows, and why."""

    act: Act
    phase: Phase
    reason: str = ""
    about: str = ""  # the subscription that is to end at once


def next_step(
    move: Move,
    progress: Progress,
    rows: Sequence[SubscriptionRow],
    now: Instant,
    *,
    halt: Halt = Halt.NO,
    asked: bool = False,
) -> Step:
    """What comes next. `rows` are the customer's; `asked`: it was we who told the old one to end."""
    step = _next(move, progress, rows, now, halt, asked=asked)
    too_early = progress.refusals and now < progress.refused_at + REFUSED_AGAIN_SECONDS * SECOND
    if too_early and step.act in (Act.END_OLD, Act.KEEP_OLD, Act.END_NOW):
        return Step(Act.WAIT, progress.phase)
    return step


def _next(
    move: Move,
    progress: Progress,
    rows: Sequence[SubscriptionRow],
    now: Instant,
    halt: Halt,
    *,
    asked: bool,
) -> Step:
    old = next((row for row in rows if row.key == move.subscription), None)
    since = move.since - CLOCKS_SECONDS * SECOND
    new = [row for row in rows if row.replaces == move.subscription and row.started_at >= since]
    new.sort(key=lambda row: (row.started_at, row.key))
    live = [row for row in new if row.status not in ENDED_SUBSCRIPTIONS]
    if len(live) > 1:  # two pages were paid: the second one is ended before it bills
        late = progress.phase is Phase.GUARDED and live[-1].status != "trialing"
        reason = BOTH_HAVE_BILLED if late else progress.reason
        return Step(Act.END_NOW, Phase.BOTH if late else progress.phase, reason, live[-1].key)
    match progress.phase:
        case Phase.RECORDED:
            return _recorded(move, old, now, halt, asked=asked)
        case Phase.ENDING | Phase.OFFERED:
            return _offered(move, progress, old, live, now, halt)
        case Phase.UNDOING:
            return _undoing(progress, old, live)
        case Phase.WATCHED:
            return _watched(progress, old, new, live)
        case Phase.SWITCHED:
            return _switched(move, progress, old, live)
        case Phase.GUARDED:
            return _guarded(live)
        case _:
            return Step(Act.NOTHING, progress.phase, progress.reason)


def _recorded(move: Move, old: SubscriptionRow | None, now: Instant, halt: Halt, *, asked: bool) -> Step:
    if asked:  # we were cut short
        return Step(Act.END_OLD, Phase.ENDING)
    if halt:
        return Step(Act.WAIT, Phase.RECORDED)
    if old is None:
        return Step(Act.NOTHING, Phase.LEFT, "is not there any more")
    why = stays(old)
    if not why and old.period_end != move.ends:
        why = "has another period by now"
    if not why and now >= move.undo_at:
        why = "renews too soon"
    return Step(Act.NOTHING, Phase.LEFT, why) if why else Step(Act.END_OLD, Phase.ENDING)


def _offered(
    move: Move,
    progress: Progress,
    old: SubscriptionRow | None,
    live: Sequence[SubscriptionRow],
    now: Instant,
    halt: Halt,
) -> Step:
    if live:
        return Step(Act.NOTHING, Phase.SWITCHED)
    if _ended(old):
        return Step(Act.CLOSE_PAGE, Phase.UNDOING, "the old one has ended before its period")
    if old and old.cancel_at is None:
        return Step(Act.CLOSE_PAGE, Phase.UNDOING, "the old one is not to end any more")
    if old and _renewed(move, old):
        return Step(Act.CLOSE_PAGE, Phase.UNDOING, "the old one has another period by now")
    if now >= move.undo_at:
        return Step(Act.CLOSE_PAGE, Phase.UNDOING, "no payment method was given in time")
    if halt is Halt.UNDO:
        return Step(Act.CLOSE_PAGE, Phase.UNDOING, "stopped")
    if progress.phase is Phase.OFFERED or halt:
        return Step(Act.WAIT, progress.phase)
    return Step(Act.OPEN_PAGE, Phase.OFFERED)


def _undoing(progress: Progress, old: SubscriptionRow | None, live: Sequence[SubscriptionRow]) -> Step:
    if live:  # it was paid while it was being closed
        return Step(Act.NOTHING, Phase.SWITCHED)
    after = Phase.UNDONE if _is_closed(progress) else Phase.WATCHED
    if _ended(old) and _is_closed(progress):
        return Step(Act.NOTHING, Phase.LEFT, f"{progress.reason}; the old one has ended meanwhile")
    if old and not _ended(old) and old.cancel_at is not None:
        return Step(Act.KEEP_OLD, after, progress.reason)
    return Step(Act.NOTHING, after, progress.reason)


def _watched(
    progress: Progress,
    old: SubscriptionRow | None,
    new: Sequence[SubscriptionRow],
    live: Sequence[SubscriptionRow],
) -> Step:
    if not live:
        if any(_was_billed(row) for row in new):
            return Step(Act.NOTHING, Phase.BOTH, BOTH_HAVE_BILLED)
        phase = Phase.UNDONE if new else Phase.WATCHED
        return Step(Act.NOTHING if new else Act.WAIT, phase, progress.reason)
    if old and not _ended(old) and old.cancel_at is None:
        if live[0].status != "trialing":
            return Step(Act.END_NOW, Phase.BOTH, BOTH_HAVE_BILLED, live[0].key)
        return Step(Act.END_NOW, Phase.WATCHED, progress.reason, live[0].key)
    return Step(Act.NOTHING, Phase.SWITCHED)


def _switched(
    move: Move, progress: Progress, old: SubscriptionRow | None, live: Sequence[SubscriptionRow]
) -> Step:
    if old is None or _ended(old):
        if not live:
            return Step(Act.NOTHING, Phase.LEFT, "the customer has ended the new one, too")
        if old and _renewed(move, old):
            return Step(Act.NOTHING, Phase.BOTH, BOTH_HAVE_BILLED)
        return Step(Act.NOTHING, Phase.GUARDED if progress.withdrawn else Phase.DONE)
    if not live:
        return _alone(old)
    if _renewed(move, old):  # to end with its new period or not: its money was taken
        if live[0].status == "trialing":
            return Step(Act.END_NOW, Phase.UNDOING, "the old one was renewed", live[0].key)
        act = Act.END_OLD if old.cancel_at is None else Act.NOTHING  # so that it does not happen again
        return Step(act, Phase.BOTH, BOTH_HAVE_BILLED)
    if old.status == "paused":
        # It begins no period, and would never end with one. What is left of it, the new one grants.
        return Step(Act.END_NOW, Phase.SWITCHED, about=old.key)
    if old.cancel_at is None:
        return Step(Act.END_OLD, Phase.SWITCHED)  # somebody took its end back
    return Step(Act.WAIT, Phase.SWITCHED)


def _guarded(live: Sequence[SubscriptionRow]) -> Step:
    """Whoever has ended the new one, and pays an old page after that, wants it again."""
    return Step(Act.WAIT, Phase.GUARDED) if live else Step(Act.NOTHING, Phase.DONE)


def _alone(old: SubscriptionRow) -> Step:
    """The new one was ended after the switch, and the old one is there."""
    if old.cancel_at is None:
        return Step(Act.NOTHING, Phase.UNDONE, "the new one was ended, and the old one goes on")
    if old.status == "paused":
        return Step(Act.NOTHING, Phase.LEFT, "the new one was ended, and the old one is paused")
    return Step(Act.WAIT, Phase.SWITCHED)


def _renewed(move: Move, old: SubscriptionRow) -> bool:
    """Whether it has had another period than was to be its last: it was renewed, or paused and resumed.

    Of one that is over, its period may have no other end than when it was seen to: then its beginning tells.
    """
    return old.period_end > move.ends and not (_ended(old) and old.period_start <= move.since)


def _is_closed(progress: Progress) -> bool:
    """Whether no page of it can be paid any more."""
    return progress.closed == "expired" and not progress.withdrawn


def _ended(row: SubscriptionRow | None) -> bool:
    return row is None or row.status in ENDED_SUBSCRIPTIONS


def _was_billed(row: SubscriptionRow) -> bool:
    """Whether one that has ended had outlived its trial."""
    return row.ended_at is not None and row.trial_end is not None and row.ended_at >= row.trial_end


# --- who can be moved ----------------------------------------------------------------------------


def stays(row: SubscriptionRow) -> str:
    """Why a subscription is not moved; "" if it can be."""
    if not row.bound or row.status not in ("active", "trialing"):
        return f"is {row.status}" if row.bound else "was not paid as it was ordered"
    if row.cancel_at is not None:
        return "is about to end anyway"
    if row.next_items:
        return "is about to change"
    if not row.collecting:
        return "is not charged for a while"
    if row.items.count("[") != 2:  # noqa: PLR2004  # the list, and its one item
        return "has several items"
    return ""


def price_of(row: SubscriptionRow, version: OfferVersion) -> Money | None:
    """The version's price that a subscription is paid at; None if it pays another one."""
    price = Money.of_minor(row.unit_amount, row.currency)
    return price if price in version.prices else None


def moved_version(version: OfferVersion, ends: Instant, now: Instant) -> OfferVersion:
    """What is sold in its place: the same, with a trial of as many days as reach to the end of what is paid.

    Whole days, rounded up: so the new one never bills before the old one would have.
    """
    return attrs.evolve(version, trial_days=max(1, -((now - ends) // DAY)), trial_card=True)
