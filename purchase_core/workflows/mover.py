"""Moving: does what the steps of a move say, each as a durable command, and writes down how far it is.

Every step has its own idempotency key, made of the move's id: whatever dies in between, the next process
finds what was done and goes on from there.
"""

from __future__ import annotations

import attrs
import msgspec
from msgspec.structs import replace

from purchase_core.errors import (
    AuthenticationFailed,
    CapabilityMissing,
    CheckoutVetoed,
    NoRoute,
    NotFound,
    NotSwitchable,
    OfferNotSellable,
    ProviderRefused,
    WrongState,
)
from purchase_core.facts.reading import ENDED_SUBSCRIPTIONS
from purchase_core.facts.rows import SubscriptionRow
from purchase_core.instants import SECOND, Clock, Instant
from purchase_core.ports.store import Store
from purchase_core.projection.owner import lane_of
from purchase_core.projection.tables import rows_of_lane
from purchase_core.records.command import CONFIRMED, REFUSED, SENDING, Command, Stage
from purchase_core.workflows.checkout import KIND as CHECKOUT
from purchase_core.workflows.checkout import Checkout, Checkouts, Replacement
from purchase_core.workflows.checkout_result import checkout_of
from purchase_core.workflows.command_log import CommandLog
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
)
from purchase_core.workflows.resolving import NEVER_ARRIVED
from purchase_core.workflows.subscription_commands import Cancel
from purchase_core.workflows.subscriptions import Subscriptions
from purchase_core.workflows.switching import WITHDRAWN

KIND = "provider.move"
PAGE_SECONDS_MAX = 86_400  # an older page would give a longer trial than is due
PAGE_MARGIN_SECONDS = 600
STEPS_MAX = 20  # of one look; a move has fewer
STATES = {Phase.DONE: CONFIRMED, Phase.UNDONE: REFUSED, Phase.LEFT: REFUSED, Phase.BOTH: REFUSED}
NOT_TO_BE_SOLD = (CapabilityMissing, CheckoutVetoed, OfferNotSellable, ProviderRefused)


class Mover:
    """Goes on with moves."""

    def __init__(
        self,
        store: Store,
        command_log: CommandLog,
        checkouts: Checkouts,
        subscriptions: Subscriptions,
        clock: Clock,
    ) -> None:
        self._store = store
        self._log = command_log
        self._checkouts = checkouts
        self._subscriptions = subscriptions
        self._clock = clock

    async def go_on(self, command: Command, halt: Halt) -> Command:
        """Do what can be done now. Raises what the steps raise; then it stands where it stood."""
        for _ in range(STEPS_MAX):
            move, progress = move_of(command), progress_of(command)
            step = await self._step(command, move, progress, halt)
            if step.act is Act.WAIT:
                return await self._touched(command)
            if step.act is Act.END_OLD and step.phase is not Phase.ENDING:
                # Told once more: counted first, so that it is really sent, and under a key of its own.
                counted = replace(progress, endings=progress.endings + 1)
                command, progress = await self._write(command, progress, counted), counted
            try:
                following = await self._done(command, move, progress, step)
            except NotSwitchable:  # the page is paid: its news are on the way, unless it is over by now
                if not await self._is_over(command, move, progress):
                    return await self._touched(command)
                following = replace(progress, phase=Phase.SWITCHED)
            except AuthenticationFailed:
                raise
            except ProviderRefused as error:
                return await self._refused(command, error)
            command = await self._write(command, progress, following)
            if following.phase in ENDED:
                return command
        return await self._touched(command)  # not again at once, should its steps come to no end

    async def page(self, command: Command, email: str) -> Checkout:
        """The page of a move that is offered: a new one in the place of one that is over, or a day old."""
        move, progress = move_of(command), progress_of(command)
        known = await self._store.command(f"{CHECKOUT}:{_page_key(command, progress)}")
        if known is not None and _can_be_shown(known, self._clock.now()):
            return checkout_of(known)
        withdrawn = await self._close(command, progress) == WITHDRAWN or progress.withdrawn
        again = replace(progress, page=progress.page + 1, withdrawn=withdrawn)
        command = await self._write(command, progress, again)
        return await self._open(command, move, progress_of(command), email)

    async def url(self, command: Command) -> str:
        """Where the page of a move is; "" where none is open."""
        known = await self._store.command(f"{CHECKOUT}:{_page_key(command, progress_of(command))}")
        return checkout_of(known).url if known is not None and known.state == CONFIRMED else ""

    # --- one step ----------------------------------------------------------------------------

    async def _step(self, command: Command, move: Move, progress: Progress, halt: Halt) -> Step:
        rows = await rows_of_lane(self._store, SubscriptionRow, await lane_of(self._store, move.customer))
        asked = progress.phase is Phase.RECORDED and await self._asked(command, progress)
        return next_step(move, progress, rows, self._clock.now(), halt=halt, asked=asked)

    async def _asked(self, command: Command, progress: Progress) -> bool:
        key = f"{Cancel.name}:{command.id}:end:{progress.endings}"
        return await self._store.command(key) is not None

    async def _done(self, command: Command, move: Move, progress: Progress, step: Step) -> Progress:
        """What it comes to, once the step is done."""
        after = replace(progress, phase=step.phase, reason=step.reason or progress.reason)
        match step.act:
            case Act.END_OLD:
                return await self._end_old(command, move, after)
            case Act.OPEN_PAGE:
                return await self._offer(command, move, after)
            case Act.CLOSE_PAGE:
                return replace(after, closed=await self._close(command, progress))
            case Act.KEEP_OLD:
                await self._subscriptions.uncancel(
                    move.customer,
                    move.subscription,
                    idempotency_key=_again(f"{command.id}:keep:{progress.page}", progress),
                )
            case Act.END_NOW:
                await self._subscriptions.cancel(
                    move.customer,
                    step.about,
                    idempotency_key=_again(f"{command.id}:end:{step.about}", progress),
                    at_period_end=False,
                )
            case _:
                pass
        return after

    async def _end_old(self, command: Command, move: Move, after: Progress) -> Progress:
        try:
            await self._subscriptions.cancel(
                move.customer, move.subscription, idempotency_key=f"{command.id}:end:{after.endings}"
            )
        except (CapabilityMissing, WrongState) as error:
            return replace(after, phase=Phase.LEFT, reason=error.code)
        except ProviderRefused as error:
            if isinstance(error, AuthenticationFailed) or after.phase is not Phase.ENDING:
                raise
            return replace(after, phase=Phase.LEFT, reason=error.provider_code or error.code)
        return after

    async def _offer(self, command: Command, move: Move, after: Progress) -> Progress:
        """Open the page. Where that cannot be, the old one is to go on."""
        try:
            await self._open(command, move, after, "")
        except AuthenticationFailed:
            raise
        except NoRoute as error:
            if error.kind == "all_unhealthy":
                raise
            return replace(after, phase=Phase.UNDOING, closed="expired", reason="; ".join(error.reasons))
        except NOT_TO_BE_SOLD as error:
            if await self._never_arrived(command, after):
                return replace(after, phase=Phase.ENDING, page=after.page + 1)
            reason = getattr(error, "provider_code", "") or error.code
            return replace(after, phase=Phase.UNDOING, closed="expired", reason=reason)
        return after

    # --- pages -------------------------------------------------------------------------------

    async def _open(self, command: Command, move: Move, progress: Progress, email: str) -> Checkout:
        version = (await self._store.offers([move.version]))[move.version]
        replacement = Replacement(
            customer=move.customer,
            subscription=move.subscription,
            version=moved_version(version, move.ends, self._clock.now()),
            quantity=move.quantity,
            currency=move.currency,
            connection=move.new,
            success_url=move.success_url,
            cancel_url=move.cancel_url,
        )
        key = _page_key(command, progress)
        return await self._checkouts.replace(replacement, idempotency_key=key, email=email)

    async def _never_arrived(self, command: Command, progress: Progress) -> bool:
        """Whether the page that was asked for is provably not there, so that another one may be."""
        known = await self._store.command(f"{CHECKOUT}:{_page_key(command, progress)}")
        return known is not None and known.stages[-1].detail == NEVER_ARRIVED

    async def _is_over(self, command: Command, move: Move, progress: Progress) -> bool:
        """Whether what came of the page has ended: before anybody had seen that it was there."""
        known = await self._store.command(f"{CHECKOUT}:{_page_key(command, progress)}")
        rows = await rows_of_lane(self._store, SubscriptionRow, await lane_of(self._store, move.customer))
        mine = [row for row in rows if known is not None and row.intent == known.reference]
        return bool(mine) and all(row.status in ENDED_SUBSCRIPTIONS for row in mine)

    async def _close(self, command: Command, progress: Progress) -> str:
        """How the page was closed. One that is paid is not closed: then its news are on the way."""
        try:
            return await self._checkouts.close(idempotency_key=_page_key(command, progress), watched=True)
        except NotFound:
            return "expired"  # there never was one

    # --- writing it down ---------------------------------------------------------------------

    async def _write(self, command: Command, before: Progress, after: Progress) -> Command:
        """What it has come to, unless another process has got further meanwhile."""
        now = self._clock.now()

        def changed(known: Command) -> Command:
            if progress_of(known) != before or after == before:
                return known
            stages = known.stages
            if after.phase is not before.phase:
                stages = (*stages, Stage(after.phase.value, now, after.reason))
            return attrs.evolve(
                known,
                state=STATES.get(after.phase, SENDING),
                updated_at=now,
                stages=stages,
                result=msgspec.json.encode(after),
            )

        return await self._log.change(command, changed)

    async def _refused(self, command: Command, error: ProviderRefused) -> Command:
        """Where it stood, for all to see; to be asked for under another key: that one is refused for ever."""
        now = self._clock.now()

        def noted(known: Command) -> Command:
            progress = progress_of(known)
            again = replace(progress, refusals=progress.refusals + 1, refused_at=now)
            said_before = known.stages[-1].name == REFUSED  # one stage, however often
            stages = known.stages[:-1] if said_before else known.stages
            stage = Stage(REFUSED, now, error.provider_code or error.message)
            return attrs.evolve(
                known, updated_at=now, stages=(*stages, stage), result=msgspec.json.encode(again)
            )

        return await self._log.change(command, noted)

    async def _touched(self, command: Command) -> Command:
        """Last in the queue, so that every move has its turn."""
        now = self._clock.now()
        return await self._log.change(command, lambda known: attrs.evolve(known, updated_at=now))


def _again(key: str, progress: Progress) -> str:
    """The key under which something is asked for that a provider has refused so often."""
    return f"{key}:{progress.refusals}" if progress.refusals else key


def _page_key(command: Command, progress: Progress) -> str:
    return f"{command.id}:page:{progress.page}"


def _can_be_shown(checkout: Command, now: Instant) -> bool:
    """Whether its page is open, for a while yet, and its trial does not reach much too far."""
    if checkout.state != CONFIRMED or now - checkout.created_at > PAGE_SECONDS_MAX * SECOND:
        return False
    ends = checkout_of(checkout).expires_at
    return ends is None or now < ends - PAGE_MARGIN_SECONDS * SECOND


def move_of(command: Command) -> Move:
    """What was decided."""
    return msgspec.json.decode(command.request, type=Move)


def progress_of(command: Command) -> Progress:
    """How far it is."""
    return msgspec.json.decode(command.result, type=Progress) if command.result else Progress()
