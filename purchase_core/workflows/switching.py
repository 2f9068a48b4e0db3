"""Switching: an open checkout goes on elsewhere, once its session is proved to be over, or is withdrawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from purchase_core.errors import NoRoute, NotSwitchable, ProviderRefused, ProviderUnavailable
from purchase_core.facts.bodies import SessionSeen
from purchase_core.facts.cluster import Cluster
from purchase_core.facts.fact import Fact, decided, intent_key, object_key
from purchase_core.facts.reading import Reading
from purchase_core.identifiers import IdSource
from purchase_core.instants import Clock
from purchase_core.ports.provider import Capability, Provider
from purchase_core.ports.router import decode_decision
from purchase_core.ports.store import Question, Store
from purchase_core.records.command import CONFIRMED, REFUSED, SENDING, Command, Stage
from purchase_core.routing.failover import Failover
from purchase_core.workflows.checkout_result import Checkout, checkout_of
from purchase_core.workflows.command_log import CommandLog
from purchase_core.workflows.order import Order, attempt_of, decode_order, moved_on
from purchase_core.workflows.provisions import Provisions
from purchase_core.workflows.session_opener import after

EXPIRED, WITHDRAWN = "expired", "withdrawn"


class Switching:
    """Puts a checkout's next attempt in the place of its current one."""

    def __init__(
        self,
        store: Store,
        log: CommandLog,
        provisions: Provisions,
        connections: Mapping[str, Provider],
        failover: Failover,
        clock: Clock,
        ids: IdSource,
    ) -> None:
        self._store = store
        self._log = log
        self._provisions = provisions
        self._connections = connections
        self._failover = failover
        self._clock = clock
        self._ids = ids

    async def move(self, command: Command, to: str, email: str) -> tuple[Command, bool]:
        """The command, ready to be sent to another connection, and whether that is ours to do: another
        process may have been quicker. Its old session can be paid no more, or is withdrawn.

        Raises NotSwitchable, NoRoute, or a ProviderError: then nothing has changed.
        """
        order = decode_order(command.request)
        if command.state != CONFIRMED:
            raise NotSwitchable(f"checkout {order.intent} is {command.state}: no session is open")
        cluster = await self._cluster(order.intent)
        if cluster and Reading(cluster).settled_by:
            raise NotSwitchable(f"checkout {order.intent} is paid")
        connection = to or self._next(command, order)
        if connection not in self._connections or connection not in decode_decision(command.decision).order:
            raise NoRoute([f"{connection}: was not a choice for this checkout"], kind="none_fits")
        await self._provisions.must_have_address(self._connections[connection], order.wish.customer, email)
        checkout = checkout_of(command)
        how, facts = await self._close(order, checkout, cluster)
        return await self._moved(command, order, connection, how, facts)

    async def close(self, command: Command, *, watched: bool = False) -> str:
        """Make its current session unpayable, and open no other: "expired", or "withdrawn" and watched.

        `watched`: whoever asks sees to that, whatever the policy says of pages that cannot be closed.
        Raises NotSwitchable, or a ProviderError: then nothing has changed.
        """
        closed = next((one.name for one in command.stages[::-1] if one.name in (EXPIRED, WITHDRAWN)), "")
        if command.state == REFUSED:
            return closed or EXPIRED  # nothing was ever opened
        order = decode_order(command.request)
        if command.state != CONFIRMED:
            raise NotSwitchable(f"checkout {order.intent} is {command.state}: no session is open")
        cluster = await self._cluster(order.intent)
        if cluster and Reading(cluster).settled_by:
            raise NotSwitchable(f"checkout {order.intent} is paid")
        how, facts = await self._close(order, checkout_of(command), cluster, watched=watched)
        over, now = await self._over(command, order), self._clock.now()

        def closing(known: Command) -> Command:
            if known.state != CONFIRMED or decode_order(known.request).attempt != order.attempt:
                return known
            stages = (*known.stages, Stage(how, now, checkout_of(command).session))
            return attrs.evolve(known, state=REFUSED, updated_at=now, stages=stages)

        known = await self._log.change(command, closing, (over, *facts))
        if decode_order(known.request).attempt == order.attempt:
            return how
        return await self.close(
            known, watched=watched
        )  # it was switched meanwhile: what is open now is another session

    async def is_current(self, intent: str, session: str) -> bool:
        """Whether a session is that of the intent's current attempt, and the intent is not settled yet."""
        cluster = await self._cluster(intent)
        reading = Reading(cluster) if cluster else None
        if reading is None or reading.settled_by:
            return False
        return any(one.status == "current" and one.session == session for one in reading.attempts)

    def _next(self, command: Command, order: Order) -> str:
        tried = (*order.tried, order.connection)
        found = self._failover.following(decode_decision(command.decision), tried)
        if not found.connection:
            raise NoRoute([found.why_none], kind=found.kind)
        return found.connection

    async def _cluster(self, intent: str) -> Cluster | None:
        key = intent_key(intent)
        view = await self._store.look(Question(objects=(key,)))
        found = view.references.get(key)
        return view.clusters.get(found.root) if found else None

    # --- the old session ---------------------------------------------------------------------

    async def _close(
        self, order: Order, checkout: Checkout, cluster: Cluster | None, *, watched: bool = False
    ) -> tuple[str, Sequence[Fact]]:
        """How the old session ended, and the facts that say so."""
        known = (
            cluster.registers.get(object_key("session", order.connection, checkout.session))
            if cluster
            else None
        )
        if known is not None and isinstance(known.newest.body, SessionSeen):
            if known.newest.body.status == EXPIRED:
                return EXPIRED, ()
            if known.newest.body.status == "complete":
                raise NotSwitchable(f"checkout {order.intent} was completed; its payment may be on its way")
        provider = self._connections.get(order.connection)
        if provider is None:
            raise ProviderUnavailable(
                f"connection {order.connection!r} is gone: its session cannot be closed"
            )
        if Capability.EXPIRE_CHECKOUT in provider.capabilities:
            return EXPIRED, await self._expire(provider, order, checkout)
        if self._failover.policy.unexpirable == "refuse" and not watched:
            raise NotSwitchable(f"{provider.plugin} cannot close the page of checkout {order.intent}")
        return WITHDRAWN, ()

    async def _expire(self, provider: Provider, order: Order, checkout: Checkout) -> Sequence[Fact]:
        """Facts of the expiry, confirmed. Whoever is refused looks: it may be expired already, or paid."""
        try:
            return await provider.expire_checkout(checkout.session, key=f"expire:{order.attempt}")
        except ProviderRefused:
            fetched = await provider.fetch("session", checkout.session)
            facts = provider.normalise(provider.parse_fetched(fetched)).facts
            if any(isinstance(one.body, SessionSeen) and one.body.status == EXPIRED for one in facts):
                return facts
            raise NotSwitchable(
                f"the session of checkout {order.intent} cannot be closed; it may be paid",
                hint="Wait for its webhook, or look at its receipt.",
            ) from None

    # --- the new attempt -----------------------------------------------------------------------

    async def _moved(
        self, command: Command, order: Order, connection: str, how: str, facts: Sequence[Fact]
    ) -> tuple[Command, bool]:
        now = self._clock.now()
        following = moved_on(order, connection, self._ids.new("attempt"), now)
        over = await self._over(command, order)
        stages = (
            Stage(how, now, checkout_of(command).session),
            Stage("switched", now, f"{order.connection} to {connection}"),
        )

        def moved(known: Command) -> Command:
            if decode_order(known.request).attempt != order.attempt:
                return known
            return attrs.evolve(
                known,
                state=SENDING,
                connection=connection,
                request=following.encode(),
                result=b"",
                updated_at=now,
                stages=(*known.stages, *stages),
            )

        known = await self._log.change(command, moved, (over, *facts))
        return known, decode_order(known.request).attempt == following.attempt

    async def _over(self, command: Command, order: Order) -> Fact:
        """That the current attempt is so no more."""
        session = checkout_of(command).session
        made = attempt_of(order, WITHDRAWN, *await self._sold_with(order), session)
        return decided(after(command, self._clock.now()), made)

    async def _sold_with(self, order: Order) -> tuple[str, str]:
        """The provider's price and customer that the old attempt was opened with."""
        cluster = await self._cluster(order.intent)
        attempts = Reading(cluster).attempts if cluster else ()
        old = next((one for one in attempts if one.id == order.attempt), None)
        return (old.price, old.customer) if old else ("", "")
