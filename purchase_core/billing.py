"""The billing runtime as an application holds it: what it opens, and what it can then do."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import attrs

from purchase_core.access.policy import AccessPolicy
from purchase_core.asgi import BillingApp, WebhookApp
from purchase_core.catalog.catalog import Catalog
from purchase_core.config.settings import ReconcileSettings, RetentionSettings
from purchase_core.console import Auth, open_console
from purchase_core.identifiers import IdSource, RandomIds
from purchase_core.inbox.inbox import Inbox
from purchase_core.inbox.processing import Processor
from purchase_core.inbox.settings import InboxSettings
from purchase_core.instants import Clock, SystemClock
from purchase_core.opening import Opening
from purchase_core.operations.attention import Attention
from purchase_core.operations.deeds import Deeds
from purchase_core.operations.export import Export
from purchase_core.operations.importing import Import
from purchase_core.operations.metrics import Metrics
from purchase_core.operations.metrics_page import MetricsPage
from purchase_core.operations.outcomes import Outcomes
from purchase_core.operations.quarantine import Quarantine
from purchase_core.operations.ready_page import ReadyPage
from purchase_core.operations.rebuild import Rebuild
from purchase_core.operations.reconcile import Reconcile
from purchase_core.operations.reconcile_schedule import ReconcileSchedule
from purchase_core.operations.replay import Replay
from purchase_core.operations.replay_runs import ReplayRuns
from purchase_core.operations.retention import Retention
from purchase_core.operations.telemetry import Telemetry
from purchase_core.operations.truth import Truth
from purchase_core.operations.worker import Task, Worker
from purchase_core.outbox.settings import SubscriberSettings, TickSettings
from purchase_core.outbox.subscribers import Subscribers
from purchase_core.outbox.tick import Tick
from purchase_core.plugins.descriptors import Subscriber
from purchase_core.plugins.listeners import Listeners
from purchase_core.ports.batch import Batch
from purchase_core.ports.provider import Provider
from purchase_core.ports.provider.pages import AsgiApp
from purchase_core.ports.router import Router
from purchase_core.ports.store import Store
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.recorder import Recorder
from purchase_core.reads.activity import Activity
from purchase_core.reads.attempts import StoreAttempts
from purchase_core.reads.evidence import EvidenceBook
from purchase_core.reads.receipts import Receipts
from purchase_core.reads.search import Search
from purchase_core.reads.wallets import Wallets
from purchase_core.records.finding import Finding
from purchase_core.routing.breaker import HealthBook
from purchase_core.routing.failover import FailoverPolicy
from purchase_core.secret import Secret
from purchase_core.workflows.cases import Cases
from purchase_core.workflows.checkout import Checkouts
from purchase_core.workflows.claims import Claims
from purchase_core.workflows.command_log import CommandLog
from purchase_core.workflows.commands import Commands
from purchase_core.workflows.credits import Credits
from purchase_core.workflows.customers import ManagedCustomers
from purchase_core.workflows.holders import HolderMoves
from purchase_core.workflows.invoices import Invoices
from purchase_core.workflows.migrations import Migrations
from purchase_core.workflows.planning import Planner, Routable
from purchase_core.workflows.portal import Portal
from purchase_core.workflows.provisions import Provisions
from purchase_core.workflows.purchases import Purchases
from purchase_core.workflows.refunds import Refunds
from purchase_core.workflows.requests import Requests
from purchase_core.workflows.rollout import Pause, Rollouts
from purchase_core.workflows.routing import Routing
from purchase_core.workflows.subscriptions import Subscriptions
from purchase_core.workflows.trials import CheckoutPolicy
from purchase_core.workflows.usage import Usage

DRAIN_ROWS = 200  # then a worker looks whether it is to stop
RESOLVE_IDLE_SECONDS = 15.0
TICK_IDLE_SECONDS = 5.0
ENLIST_IDLE_SECONDS = 60.0
RECONCILE_IDLE_SECONDS = 30.0
QUARANTINE_IDLE_SECONDS = 60.0
RETENTION_IDLE_SECONDS = 600.0
DECIDED_IDLE_SECONDS = 600.0


@attrs.frozen
class Parts:
    """Everything that a billing runtime is made of, opened. `code` is the version of the code."""

    catalog: Catalog
    store: Store
    connections: Mapping[str, Provider]
    router: Router
    listeners: Listeners
    clock: Clock
    ids: IdSource
    policy: AccessPolicy = AccessPolicy()  # noqa: RUF009  # frozen
    inbox: InboxSettings = InboxSettings()  # noqa: RUF009  # frozen
    max_stale_seconds: float = 0.0
    routable: Mapping[str, Routable] = attrs.Factory(dict)
    shadow: Router | None = None
    failover: FailoverPolicy = FailoverPolicy()  # noqa: RUF009  # frozen
    claim_secret: Secret | None = None
    metrics_token: Secret | None = None
    telemetry: Telemetry = attrs.Factory(Telemetry)
    checkout: CheckoutPolicy = CheckoutPolicy()  # noqa: RUF009  # frozen
    subscribers: Mapping[str, Subscriber] = attrs.Factory(dict)
    subscriber_settings: SubscriberSettings = SubscriberSettings()  # noqa: RUF009  # frozen
    tick: TickSettings = TickSettings()  # noqa: RUF009  # frozen
    pause: Pause = asyncio.sleep
    code: str = ""
    reconcile: ReconcileSettings = ReconcileSettings()  # noqa: RUF009  # frozen
    retention: RetentionSettings = RetentionSettings()  # noqa: RUF009  # frozen


class Billing:
    """One application's billing.

        async with Billing.open(catalog=catalog, config="purchase.toml") as billing:
            checkout = await billing.checkout.start(customer="user_1", offer="app:pro", ...)

    `checkout` starts checkouts, `routing` explains where they go, `webhooks` takes deliveries, `customers`
    answers what a customer may do, `receipts` says what a workflow did. `subscriptions`, `purchases`,
    `invoices` and `portal` are what can be done about what was bought, `cases` about what is not as it was
    ordered; `credits` and `usage` are spent and counted; `migrations` moves what was bought to another
    provider; `commands` goes on with what was left open, and `outcomes` takes a person's word for it. One
    instance serves any number of requests of one event loop.
    """

    def __init__(self, parts: Parts) -> None:
        store, clock, ids, code = parts.store, parts.clock, parts.ids, parts.code
        self.catalog = parts.catalog
        self.store = parts.store
        self.clock = parts.clock
        self.connections = parts.connections
        offers = OfferShelf(store, parts.catalog.offers.values())
        recorder = Recorder(store, offers, clock, ids, self._on_commit)
        self._listeners, self._telemetry = parts.listeners, parts.telemetry
        self.customers = ManagedCustomers(
            store,
            recorder,
            offers,
            parts.catalog,
            parts.policy,
            clock,
            ids,
            max_stale_seconds=parts.max_stale_seconds,
        )
        health, evidence = HealthBook(), EvidenceBook(store)
        planner = Planner(
            store,
            parts.catalog,
            parts.routable or routable(parts.connections),
            parts.router,
            parts.shadow,
            parts.listeners,
            evidence,
            health,
            clock,
            parts.checkout,
        )
        self.checkout = Checkouts(
            store,
            recorder,
            parts.connections,
            planner,
            parts.failover,
            health,
            clock,
            ids,
            Claims(store, recorder, clock, parts.claim_secret),
        )
        self.routing = Routing(store, planner, evidence, clock, ids)
        processor = Processor(store, recorder, clock, ids, lookups_max=parts.inbox.lookups_max)
        self.webhooks = Inbox(store, processor, parts.connections, clock, ids, parts.inbox, code=code)
        self.receipts = Receipts(store)
        self.activity = Activity(store)
        self.search = Search(store, parts.connections)
        self.commands = Commands(store, recorder, parts.connections, clock)
        provisions = Provisions(store, recorder, clock, ids)
        refunds = Refunds(store, self.commands)
        self.subscriptions = Subscriptions(store, self.commands, parts.catalog, provisions, clock)
        self.subscribers = Subscribers(store, parts.subscribers, clock, ids, parts.subscriber_settings)
        self.tick = Tick(store, recorder, offers, parts.policy, clock, parts.tick)
        requests = Requests(store, recorder)
        self.credits = Credits(Wallets(store, offers, clock), requests, clock, ids)
        self.usage = Usage(store, requests, offers, parts.policy, parts.catalog.defaults, clock)
        self.purchases = Purchases(store, refunds)
        self.invoices = Invoices(store, self.commands, refunds)
        self.migrations = Migrations(
            store, recorder, parts.connections, planner, self.checkout, self.subscriptions, clock, ids
        )
        self.portal = Portal(store, self.commands, provisions.links)
        self.cases = Cases(store, self.commands, refunds, CommandLog(store, recorder), clock, ids)
        self._operate(parts, recorder, offers, processor, health)
        self._telemetry.watch(self)

    def _operate(
        self, parts: Parts, recorder: Recorder, offers: OfferShelf, processor: Processor, health: HealthBook
    ) -> None:
        """Make what operators do, over what customers do."""
        store, clock, ids, code = parts.store, parts.clock, parts.ids, parts.code
        self.holders = HolderMoves(store, parts.catalog, parts.connections, self.subscriptions, clock, ids)
        self.rollout = Rollouts(store, parts.catalog, parts.connections, clock, ids, pause=parts.pause)
        self.replay = Replay(store, recorder, processor, self.webhooks, parts.connections)
        self.replay_runs = ReplayRuns(store, self.replay, parts.connections, clock, ids, code=code)
        self.rebuild = Rebuild(store, offers, clock, ids, self.customers.on_commit, code=code)
        self.reconcile = Reconcile(
            store, recorder, processor, self.webhooks, parts.connections, clock, ids, code=code
        )
        self.importing = Import(
            store, recorder, self.reconcile, parts.catalog, parts.connections, clock, ids, code=code
        )
        self.quarantine = Quarantine(store, clock, ids, code=code)
        self.deeds = Deeds(store, clock, ids, code=code)
        self.outcomes = Outcomes(store, (self.checkout, self.commands), self.deeds, clock, ids)
        self.attention = Attention(
            store,
            self.quarantine,
            parts.routable or parts.connections,
            self.webhooks.refusal_log,
            clock,
            lambda: self.outcomes.kinds,
        )
        self.metrics = Metrics(store, parts.connections, health, self.webhooks.refusals, clock, code=code)
        self._metrics_token = parts.metrics_token
        self.retention = Retention(store, clock, ids, parts.retention, code=code)
        self.export = Export(store)
        self.truth = Truth(store, self.rebuild, clock)
        self._reconcile_schedule = ReconcileSchedule(
            self.reconcile, sorted(parts.connections), clock, parts.reconcile
        )

    @staticmethod
    def open(
        *,
        catalog: Catalog,
        config: str | Path | Mapping[str, object] | None = None,
        plugins: Sequence[object] = (),
        subscribers: Sequence[Subscriber] = (),
        environ: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        ids: IdSource | None = None,
    ) -> Opening:
        """What `async with` opens. Nothing is read before that.

        `config` is a file (None: `purchase.toml`, or `[tool.purchase]` in `pyproject.toml`, in the working
        directory) or a table. `plugins` are handed over in code, beside those that the configuration names.
        `subscribers` are told of what happens, and miss nothing; `worker` does so.
        `environ` is where secrets `env:NAME` are looked up (None: the process's environment).

        Entering raises ConfigurationError, PluginError, SecretMissing or SchemaError, each saying what to do.
        An empty database gets its tables; one with older tables is refused: `purchase migrate` brings them
        up to date.
        """
        return Opening(
            catalog,
            config,
            plugins=tuple(plugins),
            subscribers=tuple(subscribers),
            environ=environ,
            clock=clock or SystemClock(),
            ids=ids or RandomIds(),
        )

    def worker(self) -> Worker:
        """What works off deliveries, resolves lost answers, reconciles, tells subscribers, empties bodies.

        Run it in a process of its own (`purchase work`), or as a task beside the application.
        """

        async def drain() -> int:
            return (await self.webhooks.drain(rows_max=DRAIN_ROWS)).worked

        return Worker(
            (
                Task("deliveries", drain),
                Task("retried", self.quarantine.retry_outdated, QUARANTINE_IDLE_SECONDS),
                Task("checkouts", self.checkout.resolve, RESOLVE_IDLE_SECONDS),
                Task("commands", self.commands.resolve, RESOLVE_IDLE_SECONDS),
                Task("outcomes decided by hand", self.outcomes.look_again, DECIDED_IDLE_SECONDS),
                Task("moves", self.migrations.advance, RESOLVE_IDLE_SECONDS),
                Task("moves begun", self.migrations.enlist, ENLIST_IDLE_SECONDS),
                Task("ticks", self.tick.work, TICK_IDLE_SECONDS),
                *(
                    Task(f"subscriber {name}", partial(self.subscribers.work, name))
                    for name in self.subscribers.names
                ),
                Task("pages reconciled", self._reconcile_schedule.turn, RECONCILE_IDLE_SECONDS),
                Task("old deliveries", self.retention.work, RETENTION_IDLE_SECONDS),
            ),
            jitter=lambda: random.uniform(0.5, 1.5),  # noqa: S311  # so that many workers do not wake together
        )

    def asgi(self) -> BillingApp:
        """The ASGI app to mount: `POST /webhooks/{connection}` is the webhook endpoint.

        `GET /checkout/{connection}` is the page that carries a checkout, where the provider hosts none.
        `GET /ready` says whether it can do its work; `GET /metrics` is the metrics page, where there is a
        `metrics_token` that opens it.
        """
        attempts = StoreAttempts(self.store)
        fixed: dict[str, AsgiApp] = {"/ready": ReadyPage(self.store, self.clock)}
        if self._metrics_token:
            fixed["/metrics"] = MetricsPage(self.metrics, self._metrics_token)
        pages = {name: provider.checkout_page(attempts) for name, provider in self.connections.items()}
        return BillingApp(
            WebhookApp(self.webhooks),
            {name: page for name, page in pages.items() if page is not None},
            fixed,
        )

    def console(self, *, auth: Auth, origin: str = "") -> AsgiApp:
        """The operator's console, an ASGI app to mount. `auth` says who sends a request, and may do what.

        `origin` is where browsers reach it (`https://admin.example.com`), where a proxy hides that from the
        application. Raises PluginMissing where `purchase-console` is not installed.
        """
        return open_console(self, auth=auth, origin=origin)

    async def examined_by_plugins(self) -> list[Finding]:
        """What plugins have to say when the doctor asks."""
        return await self._listeners.examine(self.clock.now())

    def _on_commit(self, batch: Batch) -> None:
        self.customers.on_commit(batch)
        self._telemetry.on_commit(batch)
        self._listeners.on_commit(batch)


def routable(connections: Mapping[str, Provider]) -> dict[str, Routable]:
    """Open connections as far as routing looks at them."""
    return {
        name: Routable(provider.plugin, provider.connection.mode, provider.capabilities)
        for name, provider in connections.items()
    }
