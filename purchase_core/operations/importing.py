"""Import: customers and subscriptions of a company that sold at this provider before it had Purchase.

First a plan: every customer and subscription is looked at, page by page, and nothing is written. Applied, it
records what prices stand for, links the customers that are certain, a slice at a time, and then reads all
objects as reconciliation does, so that what was sold is folded like all else. Last, a slice at a time, it
writes down the orders of what was bought once. What is somebody's who is doubtful waits in a lane of its own,
as a case: it grants nothing until a person decides, and then at once.

Done again, it finds all of it done. Cut off anywhere, it goes on with the slice or page that it had not done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from purchase_core.catalog.catalog import Catalog
from purchase_core.errors import NotFound, PlanInvalid, WrongState
from purchase_core.facts.fact import object_key
from purchase_core.facts.reading import UNNEEDED
from purchase_core.facts.rows import InvoiceRow
from purchase_core.identifiers import IdSource, customer_id
from purchase_core.importing.orders import order_before, versions_sold
from purchase_core.importing.plan import Account, ImportPlan, Link
from purchase_core.importing.pricing import Priced, Standing, priced
from purchase_core.instants import Clock
from purchase_core.operations.import_plans import ImportPlans
from purchase_core.operations.passes import OBJECTS, Found
from purchase_core.operations.reconcile import Reconcile
from purchase_core.operations.surveying import DECISION, CustomerRules, Survey, Tell, decision_key
from purchase_core.ports.batch import Batch
from purchase_core.ports.paging import every_run
from purchase_core.ports.provider import Capability, Provider
from purchase_core.ports.store import Question, Store
from purchase_core.projection.owner import owning_lane
from purchase_core.projection.recorder import Recorder
from purchase_core.projection.tables import rows_of_lane
from purchase_core.projection.work import Work
from purchase_core.records.command import CONFIRMED, Command, Stage
from purchase_core.records.lane import Lane, customer_of
from purchase_core.records.reference import PriceReference, Reference
from purchase_core.records.run import FINISHED, RUNNING, Run
from purchase_core.text import identifier, storable
from purchase_core.values import Value
from purchase_core.workflows.provider_catalog import look_at

IMPORT = "import"
LINKS_PER_SLICE = 100
REASON_CHARACTERS_MAX = 500
PRICES, CUSTOMERS, READING, ORDERS = "prices", "customers", "objects", "orders"
LINKED, BEFORE, OVERTAKEN = "linked", "linked before", "overtaken"

_NOTHING: Sequence[Found] = ()


class Place(Value, frozen=True):
    """How far an import has come: which plan, which stage, the next link, and the pass that reads objects."""

    seal: str
    stage: str = PRICES
    at: int = 0
    reading: str = ""


class Import:
    """Brings in what was sold before."""

    def __init__(
        self,
        store: Store,
        recorder: Recorder,
        reconcile: Reconcile,
        catalog: Catalog,
        connections: Mapping[str, Provider],
        clock: Clock,
        ids: IdSource,
        *,
        code: str,
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._reconcile = reconcile
        self._catalog = catalog
        self._connections = connections
        self._clock = clock
        self._ids = ids
        self._code = code
        self.plans = ImportPlans(store, clock, ids)

    # --- planning ----------------------------------------------------------------------------

    async def plan(
        self,
        connection: str,
        rules: CustomerRules,
        *,
        prices: Mapping[str, str] | None = None,
        tell: Tell = lambda _what, _count: None,
    ) -> ImportPlan:
        """What an import would do. Reads only. `prices`: the offers that the operator says they are of.

        Raises UnknownConnection, CapabilityMissing, ProviderError, and InvalidArgument for what cannot be.
        """
        self._reconcile.passes(connection)  # says what is wrong with the connection
        provider = self._connections[connection]
        provider.need(Capability.LIST_OBJECTS, Capability.CATALOG)
        found, requests = await self._priced(provider, prices or {})
        survey = Survey(self._store, provider, rules, found, tell)
        await survey.run()
        here = provider.connection
        return ImportPlan(
            account=Account(
                connection, here.plugin, provider.account, here.mode, here.project, here.environment
            ),
            made_at=self._clock.now(),
            customers=dict(sorted(survey.customers.items())),
            subscriptions=dict(sorted(survey.subscriptions.items())),
            prices=tuple(one for _, one in sorted(found.certain.items())),
            unknown_prices=survey.unknown_prices(),
            links=tuple(survey.links),
            doubts=tuple(survey.doubts),
            nobodys=tuple(survey.nobodys),
            absent=survey.absent(),
            requests=requests + survey.requests,
        ).sealed()

    async def _priced(self, provider: Provider, said: Mapping[str, str]) -> tuple[Priced, int]:
        name = provider.connection.name
        shelf = await look_at(self._store, provider, {})
        named = {
            offer: plan.provider_ids[name]
            for offer, plan in self._catalog.plans.items()
            if name in plan.provider_ids
        }
        found = priced(shelf, self._catalog.offers, provider.price_lookup, named=named, said=said)
        # What an earlier import or an older catalog has recorded is known, whatever is sold today.
        older = [one for one in shelf.references if one.price not in found.certain]
        versions = await self._store.offers(tuple({one.version for one in older}))
        for one in older:
            if one.version in versions:
                found.certain[one.price] = Standing(
                    one.price,
                    versions[one.version],
                    (one.currency,),
                    "certain, by our own record",
                    sold=one.ended_at is None,
                    variant=one.variant,
                    recorded=True,
                )
                found.likely.pop(one.price, None)
        return found, shelf.requests

    # --- applying ----------------------------------------------------------------------------

    async def begin(self, plan: ImportPlan, *, note: str = "") -> Run:
        """The run that carries out a plan: the one that was cut off, or a new one. Raises PlanInvalid."""
        self._must_be_here(plan)
        async for known in every_run(self._store, IMPORT):
            if known.scope == plan.account.connection and _place(known).seal == plan.seal:
                if known.state == RUNNING:
                    return known
                break
        now = self._clock.now()
        cursor = _encoded(Place(plan.seal))
        return Run(
            self._ids.new("run"),
            IMPORT,
            plan.account.connection,
            RUNNING,
            self._code,
            now,
            now,
            cursor,
            note=note,
        )

    async def run(self, run: Run, plan: ImportPlan) -> AsyncIterator[tuple[Run, Sequence[Found]]]:
        """Go on to the end, noted after each slice and page. Raises ProviderError and StoreError."""
        if _place(run).seal != plan.seal:
            raise WrongState(f"run {run.id!r} is of another plan")
        while run.state != FINISHED:
            place, found = _place(run), _NOTHING
            if place.stage == PRICES:
                run = await self._record_prices(run, plan)
            elif place.stage == CUSTOMERS:
                run = await self._link_slice(run, plan)
            elif place.stage == READING:
                run, found = await self._read_page(run)
            else:
                run = await self._order_slice(run, plan)
            run = replace(run, updated_at=self._clock.now())
            await self._store.commit(Batch(self._ids.new("batch"), run.updated_at, runs=(run,)))
            yield run, found

    async def resumed(self, run_id: str) -> tuple[Run, ImportPlan]:
        """A run that was cut off, and its plan, if that is kept. Raises NotFound, WrongState."""
        found = await self._store.run(run_id)
        if found is None or found.kind != IMPORT:
            raise NotFound(f"no import {run_id!r}", hint="`purchase runs list` shows what there is.")
        if found.state != RUNNING:
            raise WrongState(f"import {run_id!r} is {found.state}")
        plan = await self.plan_of(found)
        self._must_be_here(plan)
        return found, plan

    async def plan_of(self, run: Run) -> ImportPlan:
        """The plan that a run carries out. Raises NotFound where it is not kept."""
        return await self.plans.get(_place(run).seal)

    def _must_be_here(self, plan: ImportPlan) -> None:
        one = plan.account
        self._reconcile.passes(one.connection)
        provider = self._connections[one.connection]
        here = provider.connection
        if one != Account(
            one.connection, here.plugin, provider.account, here.mode, here.project, here.environment
        ):
            raise PlanInvalid(
                f"the plan is for {one.project}/{one.environment} and {one.connection} "
                f"({one.plugin} {one.account}, {one.mode}), and this is another place",
                kind="elsewhere",
                hint="Apply it where it was made, or make a plan here.",
            )

    async def _record_prices(self, run: Run, plan: ImportPlan) -> Run:
        """Write what prices stand for: those that nobody has recorded since."""
        connection, now = run.scope, self._clock.now()
        wanted = [one for one in plan.prices if not one.recorded]
        view = await self._store.look(Question(prices=tuple((connection, one.price) for one in wanted)))
        fresh = [one for one in wanted if (connection, one.price) not in view.prices]
        if fresh:
            references = tuple(
                PriceReference(
                    connection,
                    one.price,
                    one.version.offer,
                    one.version.hash,
                    currency,
                    now,
                    None if one.sold else now,
                    one.variant,
                )
                for one in fresh
                for currency in one.currencies
            )
            offers = tuple({one.version.hash: one.version for one in fresh}.values())
            await self._store.commit(Batch(self._ids.new("batch"), now, prices=references, offers=offers))
        counted = _counted(run, {"prices": len(fresh)})
        return replace(counted, cursor=_encoded(replace(_place(run), stage=CUSTOMERS)))

    async def _link_slice(self, run: Run, plan: ImportPlan) -> Run:
        place = _place(run)
        links = plan.links[place.at : place.at + LINKS_PER_SLICE]
        counts: Counter[str] = Counter()
        keys = {one.theirs: object_key("customer", run.scope, one.theirs) for one in links}
        view = await self._store.look(Question(objects=tuple(keys.values())))
        for one in links:
            known = view.references.get(keys[one.theirs])
            counts[await self._link(keys[one.theirs], one, known, run.id)] += 1
        at = place.at + len(links)
        stage = CUSTOMERS if at < len(plan.links) else READING
        return replace(_counted(run, counts), cursor=_encoded(replace(place, stage=stage, at=at)))

    async def _link(self, key: str, link: Link, known: Reference | None, cause: str) -> str:
        lane = await owning_lane(self._store, link.ours)
        if known is not None:
            return BEFORE if known.lane == lane.lane else OVERTAKEN  # what was linked since is left as it is
        if lane.erased:
            return OVERTAKEN
        await self._recorder.link(Reference(key, lane.lane), cause=cause)
        return LINKED

    async def _read_page(self, run: Run) -> tuple[Run, Sequence[Found]]:
        """A page of the pass over all objects, which is a run of its own."""
        place = _place(run)
        inner = await self._store.run(place.reading) if place.reading else None
        if inner is None:
            inner = await self._reconcile.start(run.scope, OBJECTS, repair=True, note=f"of {run.id}")
        found: Sequence[Found] = []
        before = dict(inner.counts)
        async for noted, some in self._reconcile.run(inner, pages_max=1):
            inner, found = noted, some
        grown = {name: count - before.get(name, 0) for name, count in inner.counts.items()}
        place = replace(place, reading=inner.id)
        if inner.state == FINISHED:
            place = replace(place, stage=ORDERS, at=0)
        return replace(_counted(run, grown), cursor=_encoded(place)), found

    async def _order_slice(self, run: Run, plan: ImportPlan) -> Run:
        """Write down what some customers bought once: a purchase answers an order."""
        place = _place(run)
        links = plan.links[place.at : place.at + LINKS_PER_SLICE]
        bought = sum([await self._order(run, one.ours) for one in links])
        at = place.at + len(links)
        state = RUNNING if at < len(plan.links) else FINISHED
        counted = _counted(run, {"purchases": bought})
        return replace(counted, cursor=_encoded(replace(place, at=at)), state=state)

    async def _order(self, run: Run, customer: str) -> int:
        lane = await owning_lane(self._store, customer)
        if lane.erased:
            return 0
        written = 0
        for row in await rows_of_lane(self._store, InvoiceRow, lane.lane):
            if row.connection != run.scope or row.match != UNNEEDED or row.subscription or not row.paid:
                continue
            facts = [one.fact for one in await self._store.facts_about(row.root)]
            offers = await self._store.offers(versions_sold(facts))
            order = order_before(run.scope, customer_of(lane.lane), facts, offers)
            if order:
                await self._recorder.record(Work(order), cause=run.id, addition=lambda batch: batch)
                written += 1
        return written

    # --- deciding ----------------------------------------------------------------------------

    async def decide(self, connection: str, theirs: str, ours: str, *, by: str, reason: str) -> Command:
        """Say who a customer at the provider is, "" for nobody of ours; kept, with who said so and why.

        What waited for an owner is theirs at once; what was not known yet comes with the next import or
        reconciliation. Raises InvalidArgument, and WrongState where it is somebody else's already.
        """
        identifier("by", by)
        identifier("customer at the provider", theirs)
        if not storable("reason", reason, characters_max=REASON_CHARACTERS_MAX).strip():
            raise WrongState("who decides says why", hint="--reason TEXT")
        self._reconcile.passes(connection)
        key = object_key("customer", connection, theirs)
        lane = await self._decidable(key, ours)
        command = await self._decided(connection, theirs, ours, key, {"by": by, "reason": reason})
        if lane is not None:
            await self._recorder.link(Reference(key, lane.lane), cause=command.id)
        return command

    async def _decidable(self, key: str, ours: str) -> Lane | None:
        known = (await self._store.look(Question(objects=(key,)))).references.get(key)
        lane = await owning_lane(self._store, customer_id(ours)) if ours else None
        if known is not None and (lane is None or known.lane != lane.lane):
            whose = customer_of(known.lane)
            raise WrongState(
                f"{key} is linked to {f'customer {whose!r}' if whose else 'several customers'} already",
                hint="A link is never taken back. Two of ours who are one: `purchase customers merge`.",
            )
        if lane is not None and lane.erased:
            raise WrongState(f"customer {ours!r} was erased")
        return None if known is not None else lane

    async def _decided(
        self, connection: str, theirs: str, ours: str, reference: str, said: Mapping[str, str]
    ) -> Command:
        """Keep the decision; whoever decides otherwise later adds to it."""
        now, key = self._clock.now(), decision_key(connection, theirs)
        known = await self._store.command(key)
        stage = Stage("decided", now, f"{theirs} is {ours or 'nobody of ours'}")
        command = Command(
            key=key,
            id=known.id if known else self._ids.new("receipt"),
            kind=DECISION,
            lane=f"object:{reference}",
            fingerprint=theirs,
            state=CONFIRMED,
            connection=connection,
            reference=reference,
            created_at=known.created_at if known else now,
            updated_at=now,
            stages=(*(known.stages if known else ()), stage),
            request=msgspec.json.encode({**said, "ours": ours}),
        )
        await self._store.commit(Batch(self._ids.new("batch"), now, command=command))
        return command


def _place(run: Run) -> Place:
    return msgspec.json.decode(run.cursor, type=Place)


def _encoded(place: Place) -> str:
    return msgspec.json.encode(place).decode()


def _counted(run: Run, counts: Mapping[str, int]) -> Run:
    sums = {name: run.counts.get(name, 0) + counts.get(name, 0) for name in {**run.counts, **counts}}
    return replace(run, counts=sums)
