"""Bugs in receiving: authenticity, keeping, trying again."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from msgspec.structs import replace

from purchase_core.errors import KeyConflict, MalformedBody
from purchase_core.facts.effects import effects_of
from purchase_core.inbox import inbox as inbox_module
from purchase_core.inbox import processing
from purchase_core.inbox.draining import Draining
from purchase_core.inbox.inbox import Inbox
from purchase_core.inbox.processing import Processor
from purchase_core.inbox.receive import verified_event
from purchase_core.inbox.settings import InboxSettings
from purchase_core.instants import DAY, SECOND, Instant
from purchase_core.operations.replay import Replay
from purchase_core.ports.batch import Batch
from purchase_core.ports.provider import Normalised
from purchase_core.ports.provider.signing import SignatureForm
from purchase_core.projection import contested
from purchase_core.projection.change import Change
from purchase_core.projection.contested import with_look_ups
from purchase_core.records.delivery import DONE, IGNORED, PENDING
from purchase_core.testing.memory_store import MemoryStore
from purchase_core.testing.simulation.provider.adapter import SimulatedProvider

from .planting import Planter, bug


@bug
def believes_anybody(to: Planter) -> None:
    """Signatures are not checked."""
    to.put(SimulatedProvider, "verify", lambda *_, **__: None)


@bug
def believes_old_signatures(to: Planter) -> None:
    """The time of a signature does not matter."""
    verify = SignatureForm.verify

    def timeless(form: Any, body: bytes, headers: Any, *, secrets: Any, now: Any) -> None:
        value = dict(headers).get(form.header, "")
        seconds = value.partition(",")[0].partition("=")[2]
        verify(form, body, headers, secrets=secrets, now=Instant(int(seconds or 0) * 1_000_000))

    to.put(SignatureForm, "verify", timeless)


@bug
def minds_no_account(to: Planter) -> None:
    """An event of another account is taken."""

    def any_account(provider: Any, *given: Any, **named: Any) -> Any:
        account, provider.account = provider.account, provider.parse(given[0]).account
        try:
            return verified_event(provider, *given, **named)
        finally:
            provider.account = account

    to.put(inbox_module, "verified_event", any_account)


@bug
def minds_no_mode(to: Planter) -> None:
    """A live event is taken on a test connection."""
    parse = SimulatedProvider.parse

    def test_mode(provider: Any, body: bytes) -> Any:
        event = parse(provider, body)
        return type(event)(
            event.id, event.type, event.object, event.occurred_at, event.account, "test", "1", event.payload
        )

    to.put(SimulatedProvider, "parse", test_mode)


@bug
def answers_before_keeping(to: Planter) -> None:
    """A delivery that is left for later is answered, and kept nowhere."""

    async def nowhere(inbox: Any, delivery: Any, state: str = PENDING, reason: str = "") -> Any:
        return inbox_module._receipt(delivery, state, reason)

    to.put(Inbox, "_keep", nowhere)


@bug
def keeps_nothing_of_what_it_ignores(to: Planter) -> None:
    """An event that means nothing here leaves no row."""
    process = Processor.process

    async def without(processor: Any, provider: Any, event: Any, *rest: Any, **named: Any) -> Any:
        with suppress(Exception):  # whatever else is wrong with it is told as it is
            if not named["may_fetch"] and provider.normalise(event).ignored:
                return processing.Processed(IGNORED, "")
        return await process(processor, provider, event, *rest, **named)

    to.put(Processor, "process", without)


@bug
def keeps_what_it_ignores_waiting(to: Planter) -> None:
    """A worker leaves an event that means nothing as it was."""
    process = Processor.process

    async def waiting(processor: Any, provider: Any, event: Any, *rest: Any, **named: Any) -> Any:
        with suppress(Exception):
            if named["may_fetch"] and event.payload is not None and provider.normalise(event).ignored:
                return processing.Processed(IGNORED, "")
        return await process(processor, provider, event, *rest, **named)

    to.put(Processor, "process", waiting)


@bug
def knows_events_for_a_day(to: Planter) -> None:
    """An event that comes again days later is a new one; and it is taken to be a new happening."""
    receive = Inbox.receive

    async def forgetful(inbox: Any, connection: str, body: bytes, headers: Any) -> Any:
        event = inbox._connections[connection].parse(body)
        known = await inbox._store.delivery(connection, event.id)
        if known is not None and inbox._clock.now() - known.received_at > DAY:
            raise KeyConflict("delivery", event.id)
        return await receive(inbox, connection, body, headers)

    to.put(Inbox, "receive", forgetful)


@bug
def calls_failure_done(to: Planter) -> None:
    """What fails within the request is marked as done."""
    keep = Inbox._keep

    async def done(inbox: Any, delivery: Any, state: str = PENDING, reason: str = "") -> Any:
        return await keep(inbox, delivery, DONE if reason and "look-up" not in reason else state, reason)

    to.put(Inbox, "_keep", done)


@bug
def calls_failed_work_done(to: Planter) -> None:
    """What fails in a worker is marked as done."""

    async def done(draining: Any, delivery: Any, error: Exception) -> Any:
        return await draining._settle(delivery, DONE, "")

    to.put(Draining, "_put_back", done)


@bug
def tries_once(to: Planter) -> None:
    """What fails in a worker is tried again in a year."""
    to.put(
        InboxSettings,
        "retry_at",
        lambda settings, now, attempts, spread: Instant(now + 365 * DAY),
    )


@bug
def looks_nothing_up(to: Planter) -> None:
    """An event that does not say everything means nothing."""
    normalise = SimulatedProvider.normalise

    def hasty(provider: Any, event: Any) -> Any:
        meaning = normalise(provider, event)
        return Normalised(ignored="incomplete") if meaning.needs else meaning

    to.put(SimulatedProvider, "normalise", hasty)


@bug
def forgets_what_it_looked_up(to: Planter) -> None:
    """What is looked up is not made a fact."""
    look_up = Processor._look_up

    async def forgetful(processor: Any, provider: Any, needs: Any) -> Any:
        facts, claims, answers = await look_up(processor, provider, needs)
        return tuple(fact for fact in facts if fact.kind != "dispute"), claims, answers

    to.put(Processor, "_look_up", forgetful)


@bug
def leaves_contests_alone(to: Planter) -> None:
    """Where two states claim one instant, nobody asks which is true."""
    to.everywhere(with_look_ups, lambda batch, ids: batch)


@bug
def asks_too_early(to: Planter) -> None:
    """What is contested is looked up at once, and never again."""
    to.put(processing, "_must_be_later", lambda event, found: None)
    to.put(contested, "CONTESTED_SECONDS", 0)


@bug
def lets_zombies_settle(to: Planter) -> None:
    """A worker that comes back after its lease settles what another one has done."""
    to.put(MemoryStore, "_check_settlements", lambda store, batch: None)


@bug
def works_duplicates_off_again(to: Planter) -> None:
    """What was done waits for a worker again, in ten minutes, when it is delivered again."""
    receive = Inbox.receive

    async def waiting(inbox: Any, *delivered: Any) -> Any:
        receipt = await receive(inbox, *delivered)
        if receipt.status == "duplicate":
            rows = inbox._store._store.database.deliveries
            at = Instant(inbox._clock.now() + 600 * SECOND)
            rows[receipt.id] = replace(rows[receipt.id], state=PENDING, available_at=at)
        return receipt

    to.put(Inbox, "receive", waiting)


@bug
def tells_again_on_replay(to: Planter) -> None:
    """What is read again asks the provider again."""
    again = Replay._again

    async def asking(replay: Any, delivery: Any, *, dry_run: bool) -> Any:
        kind, _, name = delivery.object.split(":", 2) if delivery.object.count(":") > 1 else ("", "", "")
        if name:
            with suppress(Exception):  # it may not be there
                await replay._connections[delivery.connection].fetch(kind, name)
        return await again(replay, delivery, dry_run=dry_run)

    to.put(Replay, "_again", asking)


@bug
def tells_nobody_of_ends(to: Planter) -> None:
    """That a subscription has ended is told to nobody."""

    def without(before: Any, after: Any) -> Any:
        return (one for one in effects_of(before, after) if one[1] != "subscription.ended")

    to.everywhere(effects_of, without)


@bug
def tells_twice(to: Planter) -> None:
    """An effect is keyed by the batch that brought it."""
    effects = Change._effects

    def keyed(change: Any, before: Any, after: Any) -> Any:
        return [replace(one, key=f"{one.key}:{one.lane_version}") for one in effects(change, {}, after)]

    to.put(Change, "_effects", keyed)


@bug
def says_the_secret(to: Planter) -> None:
    """An error about a signature quotes the secret."""
    verify = SimulatedProvider.verify

    def telling(provider: Any, body: bytes, headers: Any, *, now: Any) -> None:
        try:
            verify(provider, body, headers, now=now)
        except Exception as error:
            raise type(error)(f"expected {provider._secrets[0].reveal()}") from None

    to.put(SimulatedProvider, "verify", telling)


@bug
def gives_up_what_it_cannot_read(to: Planter) -> None:
    """An event that an adapter fails on is ignored for good."""
    process = Processor.process

    async def given_up(
        processor: Any, provider: Any, event: Any, cause: str, settle: Any, **named: Any
    ) -> Any:
        try:
            if event.payload is not None:
                provider.normalise(event)
        except MalformedBody:
            raise
        except Exception:
            batch = Batch(processor._ids.new("batch"), processor._clock.now())
            await processor._store.commit(settle(batch, IGNORED, "not understood"))
            return processing.Processed(IGNORED, "not understood")
        return await process(processor, provider, event, cause, settle, **named)

    to.put(Processor, "process", given_up)
