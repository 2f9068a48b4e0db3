"""Cases: what a person should look at, what can be done about it, and doing it.

A case is a row of the projection: it is there while something is wrong, and goes when that is set right,
whoever did it and wherever. So a refund that the provider rejects leaves its case open by itself. What is
right as it is can be resolved; that is a fact of ours, and holds as long as the case says the same.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import attrs
import msgspec

from purchase_core.canonical import content_hash
from purchase_core.errors import InvalidArgument, LaneConflict, NotFound, PurchaseError, WrongState
from purchase_core.facts.bodies import CaseDecided
from purchase_core.facts.fact import decided, object_key
from purchase_core.facts.reading import ENDED_SUBSCRIPTIONS
from purchase_core.facts.rows import CASE_STATUSES, CaseRow, InvoiceRow, RefundRow, SubscriptionRow
from purchase_core.identifiers import IdSource
from purchase_core.instants import Clock, Instant
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.ports.paging import every_row
from purchase_core.ports.provider import RefundReason
from purchase_core.ports.store import Question, Store
from purchase_core.projection.owner import lane_of
from purchase_core.projection.recorder import CONFLICT_RETRIES_MAX
from purchase_core.projection.tables import row_of_lane, rows_of_lane
from purchase_core.records.command import CONFIRMED, OPEN_STATES, PLANNED, Command, Stage
from purchase_core.text import identifier, storable
from purchase_core.workflows.command_log import CommandLog
from purchase_core.workflows.commands import Commands, Draft
from purchase_core.workflows.refunds import GiveBack, Refunds
from purchase_core.workflows.remedies import ADVICE, CANCEL, REFUND, Step, agreement_of, bills, remedy
from purchase_core.workflows.subscription_commands import Cancel, CancelWish

REASON_CHARACTERS_MAX = 500
TRIES_MAX = 100  # of one step of one case
KIND = "case.resolve"


@attrs.frozen
class Taken:
    """A step that was tried: the state of its command (`receipt` is its id), or the error's code and words.

    `state`: that of the command, or `failed` where none was written.
    """

    step: Step
    state: str
    receipt: str = ""
    error: str = ""


@attrs.frozen
class Resolution:
    """Who resolved a case, why and when. `receipt` is the receipt's id."""

    by: str
    reason: str
    at: Instant
    receipt: str


@attrs.frozen
class CaseExplained:
    """A case: what it means, what would set it right, what was tried, and what is on its way back."""

    case: CaseRow
    advice: str
    steps: tuple[Step, ...]
    tried: tuple[Taken, ...]
    refunds: tuple[RefundRow, ...]
    resolution: Resolution | None = None

    @property
    def version(self) -> str:
        """What identifies the case as it is shown here: the row, the steps, and what came of those tried."""
        return content_hash([self.case, self.steps, self.tried, self.refunds])


@attrs.frozen
class Settled:
    """What came of the steps. `case` is as it is now; None: nothing is wrong any more."""

    case: CaseRow | None
    taken: tuple[Taken, ...]


class Cases:
    """What an operator does about what is not as it was ordered."""

    def __init__(
        self,
        store: Store,
        commands: Commands,
        refunds: Refunds,
        log: CommandLog,
        clock: Clock,
        ids: IdSource,
    ) -> None:
        self._store = store
        self._commands = commands
        self._refunds = refunds
        self._log = log
        self._clock = clock
        self._ids = ids
        self._cancel = Cancel()

    # --- reads -------------------------------------------------------------------------------

    async def list(
        self,
        *,
        kind: str = "",
        customer: str = "",
        status: str = "open",
        after: str = "",
        limit: int = PAGE_ROWS_MAX,
    ) -> Sequence[CaseRow]:
        """Cases by ascending key, behind `after`; "" means any kind, customer or status.

        Costs what it returns, however many others there are; or all cases of the one customer.
        """
        statuses = [one for one in CASE_STATUSES if status in ("", one)]
        found: list[CaseRow] = []
        if customer:
            lane = await lane_of(self._store, customer)
            mine = [row async for row in every_row(self._store, CaseRow, lane=lane, after=after)]
            found += [row for row in mine if kind in ("", row.kind) and row.status in statuses]
        else:
            for one in statuses:
                found += await self._store.cases(one, kind=kind, after_key=after, limit=limit)
        return sorted(found, key=lambda row: row.key)[:limit]

    async def get(self, case: str) -> CaseRow:
        """One case, by its key. Raises NotFound: it may have been set right meanwhile."""
        about = case.split(":", 2)[-1]
        view = await self._store.look(Question(objects=(about,)))
        known = view.references.get(about)
        row = await row_of_lane(self._store, CaseRow, known.lane, case) if known else None
        if row is not None:
            return row
        raise NotFound(f"no case {case!r}", hint="`purchase cases list` shows those that there are.")

    async def explain(self, case: str) -> CaseExplained:
        """What is wrong, what would set it right, and what was done about it. Raises NotFound."""
        row = await self.get(case)
        subscriptions, invoices = await self._about(row)
        about = {one.key for one in bills(row, invoices)}
        refunds = await rows_of_lane(self._store, RefundRow, row.lane)
        return CaseExplained(
            row,
            ADVICE.get(row.kind, ""),
            remedy(row, subscriptions, invoices),
            tuple([one async for one in self._tried(row, subscriptions, invoices)]),
            tuple(one for one in refunds if object_key("invoice", one.connection, one.invoice) in about),
            await self._resolution(row),
        )

    # --- doing -------------------------------------------------------------------------------

    async def settle(self, case: str, *, seen: str = "") -> Settled:
        """Take the steps that are proposed, each as a command of its own; one that fails holds up no other.

        Whoever settles the same case at the same time takes the same steps. `seen` is the version of what was
        looked at (`CaseExplained.version`). Raises NotFound, or WrongState where it is another by now, or
        there is nothing to do but wait, or to resolve.
        """
        row = await self.get(case)
        if seen and seen != (await self.explain(case)).version:
            raise _changed(case)
        steps = remedy(row, *await self._about(row))
        if not steps:
            raise WrongState(f"nothing can be done about {case} now", hint=ADVICE.get(row.kind, ""))
        taken = [await self._take(row, step) for step in steps]
        try:
            now: CaseRow | None = await self.get(case)
        except NotFound:
            now = None
        return Settled(now, tuple(taken))

    async def resolve(self, case: str, *, reason: str, by: str, seen: str = "") -> CaseRow:
        """Say that a case needs nothing more, as it is now. `by` names whoever decides it.

        It is open again if it ever says something else, or of more money. `seen` is the version of what was
        looked at (`CaseExplained.version`). Raises NotFound, InvalidArgument; WrongState where it is another
        by now.
        """
        storable("reason", reason, characters_max=REASON_CHARACTERS_MAX)
        identifier("by", by)
        if not reason.strip():
            raise InvalidArgument("a case is resolved for a reason", hint="Say it: it is kept with the case.")
        for _ in range(CONFLICT_RETRIES_MAX):
            row = await self.get(case)
            if row.status == "resolved":
                return row
            lane = await self._store.lane(row.lane)
            if seen and seen != (await self.explain(case)).version:
                raise _changed(case)
            now = self._clock.now()
            command = self._resolving(row, now, reason, by)
            body = CaseDecided(row.key, row.about, row.detail, row.amount, "resolved", command.id)
            try:
                await self._log.place(command, (decided(now, body),), (), version=lane.version)
            except LaneConflict:
                continue
            return await self.get(case)
        raise LaneConflict(f"lane {row.lane!r} kept moving for {CONFLICT_RETRIES_MAX} tries")

    # --- behind them -------------------------------------------------------------------------

    def _resolving(self, row: CaseRow, now: Instant, reason: str, by: str) -> Command:
        identifier_ = self._ids.new("receipt")
        return Command(
            key=f"{KIND}:{identifier_}",
            id=identifier_,
            kind=KIND,
            lane=row.lane,
            fingerprint=content_hash(row),
            state=CONFIRMED,
            connection="",
            reference=row.about,
            created_at=now,
            updated_at=now,
            stages=(Stage("resolved", now, row.key),),
            request=msgspec.json.encode({"by": by, "reason": reason}),
        )

    async def _resolution(self, row: CaseRow) -> Resolution | None:
        command = await self._store.command_by_id(row.decision) if row.decision else None
        if command is None:
            return None
        said = msgspec.json.decode(command.request, type=dict[str, str])
        return Resolution(said["by"], said["reason"], command.created_at, command.id)

    async def _about(self, row: CaseRow) -> tuple[Sequence[SubscriptionRow], Sequence[InvoiceRow]]:
        return (
            await rows_of_lane(self._store, SubscriptionRow, row.lane),
            await rows_of_lane(self._store, InvoiceRow, row.lane),
        )

    async def _take(self, row: CaseRow, step: Step) -> Taken:
        number = await self._number(row, step)
        key = _try_key(row, step, number)
        try:
            if step.kind == CANCEL:
                command = await self._end(row.lane, step.about, key)
                return Taken(step, command.state, command.id)
            done = await self._refunds.refund_in(
                row.lane, step.about, amount=step.amount, reason=RefundReason.DUPLICATE, idempotency_key=key
            )
            return Taken(step, PLANNED if done.waits else CONFIRMED, done.receipt)
        except PurchaseError as error:
            known = await self._store.command(_command_key(row, step, number))
            state, receipt = (known.state, known.id) if known else ("failed", "")
            return Taken(step, state, receipt, f"{error.code}: {error.message}")

    async def _end(self, lane: str, subscription: str, key: str) -> Command:
        async def decide(_command: str, _now: Instant) -> Draft:
            rows = await rows_of_lane(self._store, SubscriptionRow, lane)
            row = next(one for one in rows if one.key == subscription)
            if row.status in ENDED_SUBSCRIPTIONS:
                raise WrongState(f"{subscription} has ended")
            wish = CancelWish(row.provider_id, at_period_end=False)
            self._commands.provider(row.connection).need(*wish.needed())
            return Draft(row.connection, row.key, msgspec.json.encode(wish))

        fingerprint = content_hash([subscription])  # whose it is may have changed since, by a merge
        return await self._commands.run(
            self._cancel, lane=lane, idempotency_key=key, fingerprint=fingerprint, decide=decide
        )

    async def _number(self, row: CaseRow, step: Step) -> int:
        """Which try it is: one that is not over goes on, else a new one begins."""
        for number in range(TRIES_MAX):
            known = await self._store.command(_command_key(row, step, number))
            if known is None or known.state in OPEN_STATES:
                return number
        raise WrongState(f"{step.kind} of {step.about} was tried {TRIES_MAX} times")

    async def _tried(
        self, row: CaseRow, subscriptions: Sequence[SubscriptionRow], invoices: Sequence[InvoiceRow]
    ) -> AsyncIterator[Taken]:
        """Every step that was ever taken for this case."""
        about = bills(row, invoices)
        agreements = {agreement_of(one) for one in about} | {row.about}
        steps = [Step(CANCEL, one.key) for one in subscriptions if one.key in agreements]
        steps += [Step(REFUND, one.key, 0, one.currency) for one in about]
        for step in steps:
            for number in range(TRIES_MAX):
                known = await self._store.command(_command_key(row, step, number))
                if known is None:
                    break
                yield Taken(step, known.state, known.id, known.stages[-1].detail)


def _changed(case: str) -> WrongState:
    return WrongState(f"{case} has changed since it was looked at", hint="Look at it again, then decide.")


def _try_key(row: CaseRow, step: Step, number: int) -> str:
    """The same for everybody who takes the step from the same case."""
    return f"case-{content_hash([row.key, step.kind, step.about])}-{number}"


def _command_key(row: CaseRow, step: Step, number: int) -> str:
    kind = Cancel.name if step.kind == CANCEL else GiveBack.name
    return f"{kind}:{_try_key(row, step, number)}"
