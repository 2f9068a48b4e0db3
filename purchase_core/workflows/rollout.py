"""The rollout workflow: look, compare, plan; then, once somebody has agreed, do it step by step.

    catalog, providers, our records ─► plan (a file) ─► looked at again ─► step, receipt; step, receipt; …

A plan is applied only if looking again comes to the same. Each step is one call, and then one batch with what
it made true. Whoever goes on after a kill looks first, so nothing is made twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

import attrs
from msgspec.structs import replace

from purchase_core.catalog.catalog import Catalog
from purchase_core.catalog.versions import OfferVersion
from purchase_core.errors import (
    NotFound,
    OutcomeUnknown,
    PlanInvalid,
    ProviderError,
    ProviderUnavailable,
)
from purchase_core.identifiers import IdSource
from purchase_core.instants import Clock
from purchase_core.ports.provider import Capability, Provider
from purchase_core.ports.store import Store
from purchase_core.records.command import CONFIRMED, Command
from purchase_core.records.reference import PriceReference
from purchase_core.rollout.comparing import Compared, compare, ordered
from purchase_core.rollout.history import Head, Rolled
from purchase_core.rollout.plan import Account, Notice, Plan, Step
from purchase_core.rollout.provider_catalog import ProviderCatalog
from purchase_core.rollout.pulling import pulled
from purchase_core.workflows.provider_catalog import look_at
from purchase_core.workflows.provisions import references
from purchase_core.workflows.rollout_log import STOPPED, UNKNOWN_STEP, RolloutLog, stepped

RETRY_SECONDS_MAX = 60.0  # how long a provider may ask us to wait, and how often
RETRIES_MAX = 10

Pause: TypeAlias = Callable[[float], Awaitable[object]]
Progress: TypeAlias = Callable[[Step, int, int], None]
"""(step, its number from 1, how many there are): called before each step."""


@attrs.frozen
class Applied:
    """What an application of a plan came to: its receipt, and the steps that were done now."""

    receipt: str
    catalog: str
    done: tuple[Step, ...]


@attrs.frozen
class Looked:
    """A plan, and what is needed to carry it out."""

    plan: Plan
    offers: Mapping[str, OfferVersion]
    compared: Mapping[str, Compared]
    listed_catalogs: Mapping[str, ProviderCatalog]


class Rollouts:
    """Plans how providers come to what the catalog says, and carries it out."""

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        connections: Mapping[str, Provider],
        clock: Clock,
        ids: IdSource,
        *,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._connections = connections
        self._clock = clock
        self._ids = ids
        self._pause = pause

    async def plan(
        self,
        *,
        connections: Sequence[str] = (),
        to: str = "",
        answers: Mapping[str, str] | None = None,
    ) -> Plan:
        """What would be done at these connections (none: at all), to come to the code's catalog.

        `to`: the hash of a catalog that was rolled out before, or its beginning. `answers` to doubts,
        by their id. Nothing is written, at no provider. Raises NotFound, CapabilityMissing, ProviderError.
        """
        return (await self._look(connections, to, answers or {})).plan

    async def pull(self, connection: str) -> str:
        """A catalog in code, as a connection's account sells it now. Raises NotFound, ProviderError."""
        return pulled(await look_at(self._store, self._provider(connection), {}))

    async def versions(self) -> Sequence[Rolled]:
        """Catalogs that were rolled out, oldest first."""
        return (await self._log().head()).history

    async def under_way(self) -> Command | None:
        """The receipt of the plan that was begun and has not ended; None: there is none."""
        log = self._log()
        head = await log.head()
        return await log.receipt(head.running) if head.running else None

    async def apply(
        self, plan: Plan, *, take_over: bool = False, progress: Progress | None = None
    ) -> Applied:
        """Carry out a plan; where it was begun and not ended, the rest of it.

        `take_over`: although another process may be at it still. Raises PlanInvalid and RolloutBusy, where
        nothing was done, and ProviderError, whose hint says how far it came.
        """
        self._must_be_here(plan)
        log = self._log()
        head = await log.head()
        receipt = await log.receipt(plan.seal)
        if receipt is not None:
            _must_be_the_last(plan, head, receipt)
            if receipt.state == CONFIRMED:
                return Applied(receipt.id, plan.catalog, ())
        await log.must_be_free(head, plan.seal, take_over=take_over)
        looked = await self._look([one.name for one in plan.accounts], plan.to, dict(plan.answers))
        _must_still_hold(plan, looked.plan, resumed=receipt is not None)
        receipt = await log.begin(plan, head, looked.offers)
        return await self._carry_out(log, head, receipt, plan, looked, progress)

    # --- planning --------------------------------------------------------------------------------

    async def _look(self, names: Sequence[str], to: str, answers: Mapping[str, str]) -> Looked:
        log = self._log()
        head = await log.head()
        offers, catalog, to = await self._target(log, head, to)
        applied = await log.offers(head.applied) if head.applied else {}
        chosen = {name: self._provider(name) for name in (names or self._able())}
        listed_catalogs = {name: await look_at(self._store, one, applied) for name, one in chosen.items()}
        compared = {
            name: compare(
                listed,
                offers,
                chosen[name].price_lookup,
                named=self._named(name) if not to else {},
                answers=answers,
            )
            for name, listed in listed_catalogs.items()
        }
        first = next(iter(chosen.values()), None)
        by_hand = [
            Notice(name, one.plugin, f"not looked at: it has no {Capability.CATALOG.value}")
            for name, one in self._connections.items()
            if Capability.CATALOG not in one.capabilities
        ]
        plan = Plan(
            project=first.connection.project if first else "",
            environment=first.connection.environment if first else "",
            catalog=catalog,
            made_at=self._clock.now(),
            accounts=tuple(map(_account, listed_catalogs.values())),
            steps=tuple(ordered(step for one in compared.values() for step in one.steps)),
            doubts=tuple(doubt for one in compared.values() for doubt in one.doubts),
            notices=(*(notice for one in compared.values() for notice in one.notices), *by_hand),
            answers=tuple(sorted(answers.items())),
            to=to,
        )
        return Looked(plan.sealed(), offers, compared, listed_catalogs)

    async def _target(
        self, log: RolloutLog, head: Head, to: str
    ) -> tuple[Mapping[str, OfferVersion], str, str]:
        if not to:
            return self._catalog.offers, self._catalog.content_hash, ""
        found = sorted({one.catalog for one in head.history if one.catalog.startswith(to)})
        if len(found) != 1:
            known = ", ".join(dict.fromkeys(one.catalog[:8] for one in reversed(head.history)))
            raise NotFound(
                f"{len(found) or 'no'} catalogs that were rolled out begin with {to!r}",
                hint=f"Rolled out, newest first: {known or 'none'}.",
            )
        return await log.offers(found[0]), found[0], found[0]

    def _named(self, connection: str) -> dict[str, str]:
        return {
            offer: plan.provider_ids[connection]
            for offer, plan in self._catalog.plans.items()
            if connection in plan.provider_ids
        }

    def _able(self) -> list[str]:
        """Connections whose catalog can be looked at; the others are kept by hand."""
        return sorted(
            name for name, one in self._connections.items() if Capability.CATALOG in one.capabilities
        )

    def _provider(self, name: str) -> Provider:
        provider = self._connections.get(name)
        if provider is None:
            there = ", ".join(sorted(self._connections)) or "none"
            raise NotFound(f"no connection {name!r}", hint=f"Configured: {there}.")
        provider.need(Capability.CATALOG)
        return provider

    # --- applying --------------------------------------------------------------------------------

    def _must_be_here(self, plan: Plan) -> None:
        if plan.doubts:
            raise PlanInvalid(
                f"the plan holds {len(plan.doubts)} doubts",
                kind="undecided",
                hint="Answer them: `purchase catalog plan --answer ID=ANSWER`.",
            )
        for one in plan.accounts:
            provider = self._connections.get(one.name)
            connection = provider.connection if provider else None
            here = (
                provider is not None
                and connection is not None
                and (connection.project, connection.environment) == (plan.project, plan.environment)
                and (connection.plugin, provider.account, connection.mode)
                == (one.plugin, one.account, one.mode)
            )
            if not here:
                raise PlanInvalid(
                    f"the plan is for {plan.project}/{plan.environment} and {one.name} "
                    f"({one.plugin} {one.account}, {one.mode}), and this is another place",
                    kind="elsewhere",
                    hint="Apply it where it was made, or make a plan here.",
                )

    async def _carry_out(
        self,
        log: RolloutLog,
        head: Head,
        receipt: Command,
        plan: Plan,
        looked: Looked,
        progress: Progress | None,
    ) -> Applied:
        steps = looked.plan.steps
        products = {
            (name, step.offer): step.object
            for name in looked.listed_catalogs
            for step in steps
            if step.kind == "product" and step.connection == name and step.object
        }
        products |= _products_there(looked.listed_catalogs)
        for number, step in enumerate(steps, 1):
            if progress:
                progress(step, number, len(steps))
            try:
                made = await self._patiently(step, plan, looked, products)
            except ProviderError as error:
                name = UNKNOWN_STEP if isinstance(error, OutcomeUnknown) else STOPPED
                detail = f"{step.goal}: {error.provider_code or error.code}"
                await log.write(stepped(receipt, name, self._clock.now(), detail))
                error.hint = (
                    f"{number - 1} of {len(steps)} steps are done, and recorded in {receipt.id}. "
                    f"Apply the same plan again to go on. {error.hint}"
                ).strip()
                raise
            receipt = stepped(receipt, step.act, self._clock.now(), f"{step.goal} {made}".strip())
            prices = self._recorded(step, looked, made)
            version = looked.offers.get(step.offer)
            offers = (version,) if version and prices and version.hash == step.version else ()
            await log.write(receipt, prices, offers)
        receipt = await log.end(receipt, head, plan)
        return Applied(receipt.id, plan.catalog, steps)

    async def _patiently(
        self, step: Step, plan: Plan, looked: Looked, products: dict[tuple[str, str], str]
    ) -> str:
        """Do a step; where the provider says when to come back, and it is soon, then."""
        for _ in range(RETRIES_MAX):
            try:
                return await self._do(step, plan, looked, products)
            except ProviderUnavailable as error:
                wait = error.retry_after_seconds
                if wait is None or not 0 <= wait <= RETRY_SECONDS_MAX:
                    raise
                await self._pause(wait)
        return await self._do(step, plan, looked, products)

    async def _do(self, step: Step, plan: Plan, looked: Looked, products: dict[tuple[str, str], str]) -> str:
        """One call, or none. The provider's id of what the step is about."""
        provider = self._connections[step.connection]
        compared, listed = looked.compared[step.connection], looked.listed_catalogs[step.connection]
        key = f"catalog:{plan.seal}:{step.goal}"
        if step.act in ("link", "forget"):
            return step.object
        if step.act in ("retire", "archive"):
            if step.kind == "product":
                await provider.archive_product(step.object, key=key)
            elif listed.price[step.object].active:
                await provider.archive_price(step.object, key=key)
            return step.object
        if step.kind == "product":
            wanted = compared.products[step.goal]
            if step.act == "create":
                products[step.connection, step.offer] = await provider.create_product(wanted, key=key)
                return products[step.connection, step.offer]
            await provider.update_product(step.object, wanted, key=key)
            return step.object
        request = attrs.evolve(
            compared.prices[step.goal], product=products.get((step.connection, step.offer), "")
        )
        if step.act in ("create", "replace"):
            return await provider.create_price(request, key=key)
        await provider.update_price(step.object, request, key=key)
        return step.object

    def _recorded(self, step: Step, looked: Looked, made: str) -> tuple[PriceReference, ...]:
        """What our records say after a step."""
        now = self._clock.now()
        if step.kind == "product":
            return ()
        if step.act in ("retire", "archive", "forget"):
            known = looked.listed_catalogs[step.connection].recorded.get(step.object, ())
            return tuple(replace(one, ended_at=now) for one in known if one.ended_at is None)
        request = looked.compared[step.connection].prices[step.goal]
        return references(step.connection, made, request, now)

    def _log(self) -> RolloutLog:
        return RolloutLog(self._store, self._clock, self._ids)


def _account(listed: ProviderCatalog) -> Account:
    connection = listed.connection
    return Account(
        connection.name,
        connection.plugin,
        listed.account,
        connection.mode,
        len(listed.products),
        len(listed.prices),
        listed.foreign,
        listed.requests,
    )


def _products_there(listed_catalogs: Mapping[str, ProviderCatalog]) -> dict[tuple[str, str], str]:
    """Products that are ours already, by connection and offer; the one on sale, where there are several."""
    found: dict[tuple[str, str], str] = {}
    for name, listed in listed_catalogs.items():
        for one in sorted(listed.products, key=lambda one: (one.active, one.id)):
            if one.mark and listed.ours(one.mark) and one.mark.offer:
                found[name, one.mark.offer] = one.id
    return found


def _must_be_the_last(plan: Plan, head: Head, receipt: Command) -> None:
    """Raise PlanInvalid if something else was rolled out since this plan was: what it did may be undone."""
    if receipt.state == CONFIRMED:
        did, moved = "carried out", bool(head.running) or head.applied != plan.catalog
    else:
        latest = head.history[-1] if head.history and not head.running else None
        did = "begun"
        moved = latest is not None and latest.catalog != plan.catalog and latest.at > receipt.created_at
    if moved:
        what = "another plan was begun" if head.running else f"catalog {head.applied[:8]} was rolled out"
        raise PlanInvalid(
            f"the plan is stale: it was {did} ({receipt.id}), and {what} since",
            kind="stale",
            hint=f"`purchase catalog plan -o FILE` makes one from here; with `--to {plan.catalog[:8]}`, "
            "one that leads to the same catalog.",
        )


def _must_still_hold(plan: Plan, now: Plan, *, resumed: bool) -> None:
    """Raise PlanInvalid unless looking again comes to the plan, or to what is left of it."""
    if plan.catalog != now.catalog:
        raise PlanInvalid(
            "the catalog has changed since the plan was made", kind="stale", hint="Make the plan again."
        )
    planned = {step.goal: step for step in plan.steps}
    if resumed:
        rest = [(step, planned.get(step.goal)) for step in now.steps]
        moved = [step.goal for step, known in rest if known is None or not step.is_rest_of(known)]
    else:
        known_steps = {step.settled for step in plan.steps}
        moved = [step.goal for step in known_steps ^ {step.settled for step in now.steps}]
    if moved or now.doubts:
        about = ", ".join(sorted(moved)[:3]) or now.doubts[0].id
        raise PlanInvalid(
            f"the plan is stale: {about} is not as it was when the plan was made",
            kind="stale",
            hint="Make the plan again, and look at it again.",
        )
