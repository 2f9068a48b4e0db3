"""The settings: `purchase.toml`, understood but not acted upon. Secrets are still references."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs

from purchase_core.access.policy import AccessPolicy
from purchase_core.inbox.settings import InboxSettings
from purchase_core.outbox.settings import SubscriberSettings, TickSettings
from purchase_core.routing.failover import FailoverPolicy
from purchase_core.workflows.trials import CheckoutPolicy

DEFAULT_PROJECT = "default"
DEFAULT_ENVIRONMENT = "development"


@attrs.frozen
class ConnectionSettings:
    """A connection: plugin, account, mode, and references to its secrets. `options` are the plugin's own."""

    name: str
    plugin: str
    mode: str
    api_key: str
    webhook_secrets: tuple[str, ...]
    options: Mapping[str, object]


@attrs.frozen
class StoreSettings:
    """Which store, and its plugin's own options."""

    plugin: str
    options: Mapping[str, object]


@attrs.frozen
class RouterSettings:
    """Which router, and its plugin's own options. "policy" comes with the core."""

    plugin: str = "policy"
    options: Mapping[str, object] = attrs.Factory(dict)


@attrs.frozen
class ReadsSettings:
    """`max_stale_seconds`: how old rights may be as to what other processes wrote; 0: always look."""

    max_stale_seconds: float = 0.0


@attrs.frozen
class ReconcileSettings:
    """How often a worker asks each provider what happened, and what there is; 0: never."""

    events_every_seconds: int = 3_600
    objects_every_seconds: int = 86_400


@attrs.frozen
class RetentionSettings:
    """How many days the bodies of events are kept once they are worked off; 0: for ever.

    `foreign_days`: of those that were not of this application. Ids, facts and rows are kept for ever.
    """

    bodies_days: int = 180
    foreign_days: int = 7


@attrs.frozen
class Settings:
    """Everything that is configured. `source` names the file for errors; relative paths begin at `folder`.

    `project` and `environment` are the namespace under which we write to provider accounts that others may
    use too. `plugins` maps further plugins to the distributions they must come from. `claim_secret` is a
    reference to what signs guests' claims ("" = no guests), `metrics_token` one to what opens the metrics
    page ("" = no page). `release` names the version of the application, `public_url` is where its endpoints
    are mounted, for whoever looks from outside.
    """

    source: str
    folder: Path
    app: str
    project: str
    environment: str
    connections: Mapping[str, ConnectionSettings]
    store: StoreSettings
    router: RouterSettings
    shadow: RouterSettings | None
    failover: FailoverPolicy
    inbox: InboxSettings
    access: AccessPolicy
    reads: ReadsSettings
    checkout: CheckoutPolicy
    subscribers: SubscriberSettings
    tick: TickSettings
    reconcile: ReconcileSettings
    retention: RetentionSettings
    plugins: Mapping[str, str]
    claim_secret: str
    metrics_token: str
    release: str
    public_url: str
