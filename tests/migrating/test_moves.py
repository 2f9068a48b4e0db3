"""The steps of a move, as a pure function: no order of things leads to two bills that nobody notices."""

from __future__ import annotations

from itertools import product
from random import Random

import attrs
import pytest
from msgspec.structs import replace

from purchase_core.facts.rows import SubscriptionRow
from purchase_core.instants import DAY, Instant
from purchase_core.testing.sales import CATALOG
from purchase_core.workflows.moves import (
    ENDED,
    Act,
    Halt,
    Move,
    Phase,
    Progress,
    Step,
    moved_version,
    next_step,
    stays,
)

NOW = Instant(1_790_000_000_000_000)
SINCE = Instant(NOW - 10 * DAY)
ENDS = Instant(NOW + 20 * DAY)
MOVE = Move(
    "stripe", "paddle", "ana", "subscription:stripe:sub_1", "app:pro", "v1", 1, 1_000, "EUR", ENDS,
    undo_at=Instant(ENDS - 3 * DAY), since=NOW, success_url="", cancel_url="",
)  # fmt: skip
OLD = SubscriptionRow(
    MOVE.subscription, "customer:ana", "r", "stripe", "sub_1", "cus_1", "", "active", bound=True,
    contested=False, version="v1", quantity=1, unit_amount=1_000, currency="EUR",
    items='[["v1",1,"price_1",1000]]', started_at=SINCE, period_start=SINCE,
    period_end=ENDS, trial_end=None, cancel_at=None, ended_at=None, collecting=True, resumes_at=None,
    next_items="", next_items_at=None, replaces="", seen_at=NOW,
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, ""),
        ({"status": "trialing"}, ""),
        ({"status": "past_due"}, "is past_due"),
        ({"status": "paused"}, "is paused"),
        ({"bound": False}, "was not paid as it was ordered"),
        ({"cancel_at": ENDS}, "is about to end anyway"),
        ({"next_items": "[]"}, "is about to change"),
        ({"collecting": False}, "is not charged for a while"),
        ({"items": '[["v1",1,"p",1],["v2",1,"q",1]]'}, "has several items"),
    ],
)
def test_who_stays_is_told_why(changes: dict[str, object], why: str) -> None:
    assert stays(replace(OLD, **changes)) == why


def test_the_trial_reaches_to_the_end_of_what_is_paid_and_less_than_a_day_beyond() -> None:
    version = CATALOG.version("app:pro")
    for seconds in (1, 3_600, 86_399, 86_400, 86_401, 20 * 86_400 + 5):
        now = Instant(ENDS - seconds * 1_000_000)
        sold = moved_version(version, ENDS, now)
        assert 0 <= now + sold.trial_days * DAY - ENDS < DAY
        assert (sold.prices, sold.grants) == (version.prices, version.grants)


def test_whoever_accepts_is_seen_though_our_clock_was_ahead_of_the_provider_s() -> None:
    """Else the old one would end, and the move would wait for ever for the new one that is there."""
    accepted = Instant(NOW - 120_000_000)  # as the provider has it: the move was decided by a clock ahead
    new = replace(OLD, key="subscription:paddle:sub_2", started_at=accepted, replaces=MOVE.subscription)
    step = next_step(MOVE, Progress(Phase.OFFERED), [replace(OLD, cancel_at=ENDS), new], NOW)
    assert (step.act, step.phase) == (Act.NOTHING, Phase.SWITCHED)


@pytest.mark.parametrize(
    ("old", "now", "asked", "step"),
    [
        (OLD, NOW, False, (Act.END_OLD, Phase.ENDING)),
        (replace(OLD, cancel_at=ENDS), NOW, False, (Act.NOTHING, Phase.LEFT)),  # the customer wants to go
        (replace(OLD, cancel_at=ENDS), NOW, True, (Act.END_OLD, Phase.ENDING)),  # it was we, cut short
        (replace(OLD, period_end=Instant(ENDS + 30 * DAY)), NOW, False, (Act.NOTHING, Phase.LEFT)),
        (OLD, MOVE.undo_at, False, (Act.NOTHING, Phase.LEFT)),
    ],
)
def test_only_who_could_be_moved_is(
    old: SubscriptionRow, now: Instant, step: tuple[Act, Phase], *, asked: bool
) -> None:
    found = next_step(MOVE, Progress(), [old], now, asked=asked)
    assert (found.act, found.phase) == step


LATER = Instant(NOW + 9 * DAY)
AGAIN = replace(
    OLD, period_start=LATER, period_end=Instant(LATER + 30 * DAY), cancel_at=Instant(LATER + 30 * DAY)
)
OVER = {"status": "canceled", "ended_at": ENDS, "cancel_at": None}


@pytest.mark.parametrize(
    ("old", "status", "step"),
    [
        (AGAIN, "trialing", (Act.END_NOW, Phase.UNDOING)),
        (AGAIN, "active", (Act.NOTHING, Phase.BOTH)),
        (replace(AGAIN, cancel_at=None), "active", (Act.END_OLD, Phase.BOTH)),
        (replace(AGAIN, status="paused"), "trialing", (Act.END_NOW, Phase.UNDOING)),
        (replace(AGAIN, **OVER), "trialing", (Act.NOTHING, Phase.BOTH)),
        (replace(OLD, **OVER), "active", (Act.NOTHING, Phase.DONE)),
        # Paddle says of what is over that its period has ended when it did: some seconds late.
        (replace(OLD, **OVER, period_end=Instant(ENDS + 5)), "active", (Act.NOTHING, Phase.DONE)),
    ],
)
def test_what_was_paid_for_another_period_is_noticed_whether_it_is_to_end_with_it_or_not(
    old: SubscriptionRow, status: str, step: tuple[Act, Phase]
) -> None:
    new = replace(OLD, key="subscription:paddle:sub_2", status=status, started_at=NOW, replaces=OLD.key)
    found = next_step(MOVE, Progress(Phase.SWITCHED), [old, new], ENDS)
    assert (found.act, found.phase) == step


def test_while_it_is_stopped_nothing_begins_and_what_is_offered_may_be_taken_back() -> None:
    ending = replace(OLD, cancel_at=ENDS)
    for halt, phase, act in [
        (Halt.STOP, Phase.RECORDED, Act.WAIT),
        (Halt.STOP, Phase.ENDING, Act.WAIT),
        (Halt.STOP, Phase.OFFERED, Act.WAIT),
        (Halt.UNDO, Phase.ENDING, Act.CLOSE_PAGE),
        (Halt.UNDO, Phase.OFFERED, Act.CLOSE_PAGE),
    ]:
        row = OLD if phase is Phase.RECORDED else ending
        assert next_step(MOVE, Progress(phase), [row], NOW, halt=halt).act is act


WORKER_IS_THERE = 0.9
NEW_PERIOD = 0.5
PERIOD_DAYS_LEAST = 28


# --- a world of one customer -----------------------------------------------------------------------


@attrs.define
class World:
    """What is true at both providers, day by day. Rows are what we know of it: all of it, or of yesterday.

    `closes`: the new side can close a page (Stripe), and the old one pauses nothing that is about to end, and
    ends what is paused at once (Paddle). Else it is the other way about: what is paused has no end.
    """

    random: Random
    closes: bool
    now: Instant = NOW
    old: SubscriptionRow = OLD
    new: SubscriptionRow | None = None
    page: bool = False
    open_tab: bool = False
    progress: Progress = attrs.Factory(Progress)
    bills: list[tuple[Instant, str]] = attrs.Factory(list)
    gap: bool = False
    looked: bool = False  # whether a worker was there before the old one ended, and could keep it

    def day(self) -> None:
        """A day goes by: what ends ends, what renews is billed."""
        self.now = Instant(self.now + DAY)
        if self.old.status == "active" and self.now >= self.old.period_end:
            if self.old.cancel_at is not None:
                self.old = replace(self.old, status="canceled", ended_at=self.old.period_end)
            else:
                self.bills.append((self.old.period_end, "old"))
                self.old = replace(self.old, period_end=Instant(self.old.period_end + 30 * DAY))
        if self.new is not None and self.new.ended_at is None and self.now >= self.new.period_end:
            self.bills.append((self.new.period_end, "new"))
            self.new = replace(self.new, status="active", period_end=Instant(self.new.period_end + 30 * DAY))
        self.gap |= self.old.ended_at is not None and (self.new is None or self.new.ended_at is not None)

    def customer(self) -> None:
        """The customer pays the page, if it can be, takes the end of the old one back, or pauses it."""
        happens = self.random.random()
        if happens < 0.08 and self.new is None and (self.page or (self.open_tab and not self.closes)):
            self.new = replace(
                OLD, key="subscription:paddle:sub_2", connection="paddle", status="trialing",
                started_at=self.now, period_end=Instant(max(self.now + DAY, ENDS)), replaces=OLD.key,
                trial_end=Instant(max(self.now + DAY, ENDS)),
            )  # fmt: skip
            self.page = False
        elif happens < 0.1 and self.old.ended_at is None:
            self.old = replace(self.old, cancel_at=None)
        elif happens < 0.13 and self.old.status == "active" and not (self.closes and self.old.cancel_at):
            self.old = replace(self.old, status="paused")
        elif happens < 0.17 and self.old.status == "paused":
            self.resume()

    def resume(self) -> None:
        """The old one goes on: with its period while there is one, else with a new one that is billed now."""
        self.old = replace(self.old, status="active")
        if self.random.random() < NEW_PERIOD or self.now >= self.old.period_end:
            ends = Instant(self.now + 30 * DAY)
            self.bills.append((self.now, "old"))
            self.old = replace(self.old, period_start=self.now, period_end=ends)
            if self.old.cancel_at is not None:
                self.old = replace(self.old, cancel_at=ends)

    def work(self) -> None:
        """A worker goes on; now and then it dies between what it does and writing that down."""
        for _ in range(8):
            rows = [self.old] + ([self.new] if self.new else [])
            asked = self.progress.phase is Phase.RECORDED and self.old.cancel_at is not None
            step = next_step(MOVE, self.progress, rows, self.now, asked=asked)
            if step.act is Act.WAIT or self.progress.phase in ENDED:
                self.looked |= MOVE.undo_at <= self.now < ENDS
                return
            closed = self.act(step)
            if closed is None or self.random.random() < 0.1:
                return
            self.progress = replace(
                self.progress, phase=step.phase, closed=closed or self.progress.closed, reason=step.reason
            )

    def act(self, step: Step) -> str | None:
        """How the page was closed, if it was; None if it is paid."""
        match step.act:
            case Act.END_OLD:
                assert self.old.ended_at is None
                if self.old.status == "paused" and self.closes:
                    self.old = replace(self.old, status="canceled", ended_at=self.now)
                self.old = replace(self.old, cancel_at=self.old.period_end)
            case Act.OPEN_PAGE:
                assert self.old.cancel_at is not None, "no page before the old one is to end"
                self.page = self.open_tab = True
            case Act.CLOSE_PAGE:
                if self.new is not None:
                    return None
                self.page = False
                return "expired" if self.closes else "withdrawn"
            case Act.KEEP_OLD:
                assert not self.page, "the old one goes on only once the page is closed"
                self.old = replace(self.old, cancel_at=None)
            case Act.END_NOW if step.about == self.old.key:
                assert self.new is not None
                self.old = replace(self.old, status="canceled", ended_at=self.now)
            case Act.END_NOW:
                assert self.new is not None
                self.new = replace(self.new, status="canceled", ended_at=self.now)
            case _:
                pass
        return ""


@pytest.mark.parametrize("closes", [True, False], ids=["stripe", "paddle"])
def test_no_two_bills_and_no_gap_whatever_a_customer_does(*, closes: bool) -> None:
    phases: set[Phase] = set()
    for seed in range(1_500):
        world = World(Random(seed), closes=closes)
        for _ in range(60):
            world.day()
            world.customer()
            if world.random.random() < WORKER_IS_THERE:
                world.work()
        phases.add(world.progress.phase)
        olds, news = ([at // DAY for at, of in world.bills if of == side] for side in ("old", "new"))
        apart = all(abs(old - new) >= PERIOD_DAYS_LEAST for old, new in product(olds, news))
        assert apart or world.progress.phase is Phase.BOTH, (seed, world.bills)
        assert not (world.gap and world.looked), seed
        assert world.progress.phase in ENDED | {Phase.WATCHED}, seed
    assert phases >= {Phase.DONE, Phase.UNDONE, Phase.BOTH}
