"""The rollout log: receipts, whole catalogs by hash, and the head, under the guard of one lane.

Every write steps the lane, so that of two rollouts at once the slower is refused, whatever the clocks say.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import msgspec

from purchase_core.catalog.versions import OfferVersion
from purchase_core.errors import KeyConflict, LaneConflict, NotFound, RolloutBusy
from purchase_core.facts.fold import REDUCER_VERSION
from purchase_core.identifiers import IdSource
from purchase_core.instants import SECOND, Clock, Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store
from purchase_core.records.command import CONFIRMED, SENDING, Command, Stage
from purchase_core.records.lane import LaneStep
from purchase_core.records.reference import PriceReference
from purchase_core.rollout.history import Head, decode_offers, encode_offers
from purchase_core.rollout.plan import Plan

LANE = "catalog"
APPLY, VERSION, HEAD = "catalog.apply", "catalog.version", "catalog.head"
LEASE_SECONDS = 120  # how long after its last step a rollout may still be at work; longer than any call
STOPPED, UNKNOWN_STEP = "stopped", "unknown"


class RolloutLog:
    """Reads and writes what rollouts leave behind."""

    def __init__(self, store: Store, clock: Clock, ids: IdSource) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._lane_version = 0

    async def head(self) -> Head:
        """What is in force. From here on, writes are guarded by what was read."""
        self._lane_version = (await self._store.lane(LANE)).version
        command = await self._store.command(HEAD)
        return msgspec.json.decode(command.request, type=Head) if command else Head()

    async def receipt(self, seal: str) -> Command | None:
        """The receipt of a plan, if it was ever begun."""
        return await self._store.command(f"{APPLY}:{seal}")

    async def offers(self, catalog: str) -> dict[str, OfferVersion]:
        """A catalog that was rolled out, by its hash. Raises NotFound."""
        command = await self._store.command(f"{VERSION}:{catalog}")
        if command is None:
            raise NotFound(f"catalog {catalog!r} was never rolled out")
        return decode_offers(command.request)

    async def must_be_free(self, head: Head, seal: str, *, take_over: bool) -> None:
        """Raise RolloutBusy if another process may be at work. A lease never lasts longer than its length."""
        receipt = await self.receipt(head.running) if head.running else None
        if receipt is None or receipt.state == CONFIRMED or receipt.stages[-1].name == STOPPED or take_over:
            return
        now = self._clock.now()
        left = receipt.updated_at + LEASE_SECONDS * SECOND - now
        if left <= 0:
            return
        whose = "This plan is being applied" if head.running == seal else "Another plan is being applied"
        seconds = min(left // SECOND + 1, LEASE_SECONDS)
        skewed = " Its clock is ahead of this one." if receipt.updated_at > now else ""
        raise RolloutBusy(
            f"{whose} ({receipt.id}, {len(receipt.stages) - 1} steps so far).{skewed}",
            hint=f"If it was killed, apply again in {seconds} seconds, or now with --take-over.",
        )

    async def begin(self, plan: Plan, head: Head, offers: Mapping[str, OfferVersion]) -> Command:
        """Take the lane for a plan. Raises RolloutBusy if another process was faster."""
        await self._keep(plan, offers)
        receipt = await self.receipt(plan.seal)
        now = self._clock.now()
        if receipt is None:
            receipt = Command(
                key=f"{APPLY}:{plan.seal}",
                id=self._ids.new("receipt"),
                kind=APPLY,
                lane=LANE,
                fingerprint=plan.id,
                state=SENDING,
                connection="",
                reference=plan.catalog,
                created_at=now,
                updated_at=now,
                stages=(Stage("begun", now, plan.id),),
                request=plan.encode(),
            )
        else:
            receipt = attrs.evolve(
                receipt, updated_at=now, stages=(*receipt.stages, Stage("resumed", now, plan.id))
            )
        await self.write(receipt)
        await self._write_head(head.begun(plan.seal))
        return receipt

    async def write(
        self,
        receipt: Command,
        prices: tuple[PriceReference, ...] = (),
        offers: tuple[OfferVersion, ...] = (),
    ) -> None:
        """Write a receipt, and what its last step has made true. Raises RolloutBusy if the lane was taken."""
        await self._commit(command=receipt, prices=prices, offers=offers)

    async def end(self, receipt: Command, head: Head, plan: Plan) -> Command:
        """Write down that a plan is done, and its catalog in force."""
        now = self._clock.now()
        await self._write_head(head.ended(plan.catalog, now))
        done = attrs.evolve(
            receipt,
            state=CONFIRMED,
            updated_at=now,
            stages=(*receipt.stages, Stage("done", now, plan.catalog)),
        )
        await self.write(done)
        return done

    # --- behind them -----------------------------------------------------------------------------

    async def _keep(self, plan: Plan, offers: Mapping[str, OfferVersion]) -> None:
        key = f"{VERSION}:{plan.catalog}"
        if await self._store.command(key) is None:
            try:
                await self._commit(command=self._ended(key, VERSION, plan.catalog, encode_offers(offers)))
            except KeyConflict:  # another process keeps the same: the key says so
                raise RolloutBusy("Another rollout has begun.", hint="Make the plan again.") from None

    async def _write_head(self, head: Head) -> None:
        known = await self._store.command(HEAD)
        command = self._ended(HEAD, HEAD, head.applied, msgspec.json.encode(head))
        if known is not None:
            command = attrs.evolve(command, id=known.id, created_at=known.created_at)
        await self._commit(command=command)

    def _ended(self, key: str, kind: str, reference: str, request: bytes) -> Command:
        now = self._clock.now()
        return Command(
            key=key,
            id=self._ids.new("receipt"),
            kind=kind,
            lane=LANE,
            fingerprint=reference,
            state=CONFIRMED,
            connection="",
            reference=reference,
            created_at=now,
            updated_at=now,
            stages=(Stage("kept", now, reference),),
            request=request,
        )

    async def _commit(
        self,
        *,
        command: Command,
        prices: tuple[PriceReference, ...] = (),
        offers: tuple[OfferVersion, ...] = (),
    ) -> None:
        batch = Batch(
            self._ids.new("batch"),
            self._clock.now(),
            # Nothing is folded into it, by whatever fold.
            lanes=(LaneStep(LANE, self._lane_version, b"", reducer=REDUCER_VERSION),),
            command=command,
            prices=prices,
            offers=offers,
        )
        try:
            await self._store.commit(batch)
        except LaneConflict:
            raise RolloutBusy(
                "Another rollout has begun since this one read where things stand.",
                hint="Wait for it, then make the plan again.",
            ) from None
        self._lane_version += 1


def stepped(receipt: Command, name: str, at: Instant, detail: str) -> Command:
    """The receipt with one more stage."""
    return attrs.evolve(receipt, updated_at=at, stages=(*receipt.stages, Stage(name, at, detail)))
