"""Prospects: who could go from one connection to another, when, and why others stay. Nothing is written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TypeAlias

from msgspec.structs import replace

from purchase_core.catalog.versions import OfferVersion
from purchase_core.errors import InvalidArgument, NotFound
from purchase_core.facts.rows import SubscriptionRow
from purchase_core.instants import DAY, Clock, Instant
from purchase_core.ports.deadlines import PERIOD_ENDS
from purchase_core.ports.paging import every_row
from purchase_core.ports.store import Store
from purchase_core.records.command import OPEN_STATES
from purchase_core.records.lane import customer_of
from purchase_core.routing.chance import draw
from purchase_core.routing.moving import moving_router
from purchase_core.values import Value
from purchase_core.workflows.context import NO_CONTEXT
from purchase_core.workflows.mover import KIND as MOVE
from purchase_core.workflows.mover import progress_of
from purchase_core.workflows.moves import Halt, moved_version, price_of, stays
from purchase_core.workflows.order import checked_wish
from purchase_core.workflows.planning import Planner
from purchase_core.workflows.routing import NOWHERE

PERCENT = 100
LEAD_DAYS, UNDO_DAYS = 7, 3
LEAD_DAYS_MAX = 60
YEAR = 366 * DAY
YEARS_MAX = 100  # nothing is paid for longer

Place: TypeAlias = tuple[Instant, str]
"""When what is paid ends, and a key: where a pass over subscriptions has come to."""

BEGINNING: Place = (Instant(0), "")


class Settings(Value, frozen=True):
    """What was asked for. `percent` of customers, always the same ones; `halt`: whether it is stopped.

    `grows`: workers take in those of the cohort who come, or can be moved, later.
    """

    old: str
    new: str
    percent: int = PERCENT
    lead_days: int = LEAD_DAYS
    undo_days: int = UNDO_DAYS
    success_url: str = NOWHERE
    cancel_url: str = NOWHERE
    halt: Halt = Halt.NO
    grows: bool = True


class Prospect(Value, frozen=True):
    """One subscription in a plan. `verdict`: move | later | stays | begun; `reason`: why it is not moved.

    `ends` is when what is paid ends; `trial_days` and `amount` (minor units) are of the new checkout.
    """

    subscription: str
    customer: str
    offer: str
    quantity: int
    amount: int
    currency: str
    ends: Instant
    trial_days: int
    verdict: str
    reason: str = ""


class Prospects:
    """Looks at every live subscription on a connection."""

    def __init__(self, store: Store, planner: Planner, clock: Clock) -> None:
        self._store = store
        self._planner = planner
        self._clock = clock

    async def plan(self, settings: Settings) -> AsyncIterator[Prospect]:
        """What would become of each live subscription on the old connection. Writes and sends nothing.

        Raises NotFound or InvalidArgument where the connections cannot be meant.
        """
        self.check(settings)
        async for row in self._live_on(settings.old):
            if in_cohort(settings, customer_of(row.lane)):
                yield await self._prospect(settings, row)

    async def later(
        self, settings: Settings, place: Place, *, limit: int
    ) -> tuple[Sequence[Prospect], Place | None]:
        """Those of the cohort whose time is not over yet, behind a place, and where to go on; None: the end.

        From an index of live subscriptions by when what is paid ends: no more than `limit` of them are read,
        and none that renews too soon to be moved.
        """
        now = self._clock.now()
        soonest = (Instant(now + settings.lead_days * DAY), "")
        page = await self._store.due(
            PERIOD_ENDS, after=max(place, soonest), until=Instant(now + YEARS_MAX * YEAR), limit=limit
        )
        found = [
            await self._prospect(settings, row)
            for row in page
            if row.connection == settings.old
            and customer_of(row.lane)
            and in_cohort(settings, customer_of(row.lane))
        ]
        return found, (page[-1].period_end, page[-1].key) if len(page) == limit else None

    async def _live_on(self, connection: str) -> AsyncIterator[SubscriptionRow]:
        async for row in every_row(self._store, SubscriptionRow):
            if row.connection == connection and row.ended_at is None and customer_of(row.lane):
                yield row

    async def _prospect(self, settings: Settings, row: SubscriptionRow) -> Prospect:
        now = self._clock.now()
        version = (await self._store.offers([row.version])).get(row.version) if row.version else None
        sold = moved_version(version, row.period_end, now) if version else None
        found = Prospect(
            subscription=row.key,
            customer=customer_of(row.lane),
            offer=version.offer if version else "",
            quantity=row.quantity,
            amount=row.unit_amount * row.quantity,
            currency=row.currency,
            ends=row.period_end,
            trial_days=sold.trial_days if sold else 0,
            verdict="stays",
        )
        begun = await self._store.command(move_key(settings, row.key))
        if begun is not None and begun.state in OPEN_STATES:
            return replace(found, verdict="begun", reason=progress_of(begun).phase.value)
        why = stays(row)
        if not why and (version is None or price_of(row, version) is None):
            why = "is paid at a price that no offer has"
        if why or version is None or sold is None:
            return replace(found, reason=why)
        nobody = await self._why_nobody(settings, row, sold)
        if nobody:
            return replace(found, reason=nobody)
        if row.period_end - now < settings.lead_days * DAY:
            return replace(found, verdict="later", reason=f"renews within {settings.lead_days} days")
        if begun is not None:
            return replace(found, verdict="later", reason=f"was tried: {progress_of(begun).phase.value}")
        return replace(found, verdict="move")

    async def _why_nobody(self, settings: Settings, row: SubscriptionRow, sold: OfferVersion) -> str:
        """Why the new connection cannot take it; "" if it can."""
        wish = checked_wish(customer_of(row.lane), sold.offer, row.quantity, row.currency, NOWHERE, NOWHERE)
        router = moving_router(self._planner.router, settings.new)
        plan = await self._planner.plan(wish, NO_CONTEXT, f"{MOVE}:{row.key}", sold=sold, router=router)
        if plan.decision.order or plan.decision.refused == "all_unhealthy":
            return ""
        verdicts = (one for one in plan.decision.verdicts if one.connection == settings.new)
        return next((one.excluded for one in verdicts), f"{settings.new} is not configured")

    def check(self, settings: Settings) -> None:
        """Raises NotFound or InvalidArgument where the connections or the numbers cannot be meant."""
        for name in (settings.old, settings.new):
            if name not in self._planner.names:
                there = ", ".join(self._planner.names)
                raise NotFound(f"connection {name!r} is not configured", hint=f"There are {there}.")
        if settings.old == settings.new:
            raise InvalidArgument("a migration goes from one connection to another one")
        if not 1 <= settings.percent <= PERCENT:
            raise InvalidArgument(f"percent must be from 1 to {PERCENT}")
        if not 1 <= settings.undo_days < settings.lead_days <= LEAD_DAYS_MAX:
            raise InvalidArgument(
                f"undo_days must be at least 1, less than lead_days, which is up to {LEAD_DAYS_MAX}"
            )


def in_cohort(settings: Settings, customer: str) -> bool:
    """Whether a customer is among the first `percent`: a larger cohort holds the smaller one."""
    lot = draw(f"{settings.old} to {settings.new}", "cohort", customer)
    return lot * PERCENT < settings.percent * 2**53


def move_key(settings: Settings, subscription: str) -> str:
    """The key of the move of one subscription."""
    return f"{MOVE}:{settings.old}:{settings.new}:{subscription}"
