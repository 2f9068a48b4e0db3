"""Readiness: what must hold before customers come: endpoints, clocks, what waits. Changes nothing."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import AsyncIterator, Mapping, Sequence
from urllib.parse import urlsplit

from purchase_core.config.settings import Settings
from purchase_core.errors import (
    AuthenticationFailed,
    PolicyInvalid,
    ProviderError,
    PurchaseError,
    SignatureInvalid,
    WrongAccount,
)
from purchase_core.inbox.refusal_log import RefusalLog
from purchase_core.instants import DAY, HOUR, SECOND, Clock, Instant
from purchase_core.operations.retention import KINDS, Retention
from purchase_core.ports.provider import SIGNATURE_WINDOW_SECONDS, Capability, Provider, WebhookEndpoint
from purchase_core.ports.store import SchemaState, Store
from purchase_core.records.delivery import PENDING, QUARANTINED
from purchase_core.records.finding import ERROR, INFO, WARNING, Finding
from purchase_core.workflows.rollout import Rollouts

SKEW_SECONDS_MAX = 60
PROBE_SECONDS = 10.0
OVERDUE = HOUR
WAITING_MAX = 1_000
PRODUCTION = ("production", "prod", "live")
REDIRECTED, REFUSED = 300, 400


def configured(settings: Settings) -> list[Finding]:
    """What in the configuration is odd although it can be used."""
    found = []
    for one in settings.connections.values():
        production = settings.environment in PRODUCTION
        if (one.mode == "live") != production:
            message = f"connection {one.name} is {one.mode} in environment {settings.environment!r}"
            found.append(
                Finding("config.mode", WARNING, message, one.name, fix="Set environment, or the mode.")
            )
    if not settings.connections:
        message, fix = "no connection is configured, so that nothing can be sold", "Add [connections.NAME]."
        found.append(Finding("config.connections", WARNING, message, fix=fix))
    elif not settings.public_url:
        message = "it is not known where providers send to, so that no endpoint can be looked at"
        found.append(Finding("config.public-url", INFO, message, fix='Write public_url = "https://…".'))
    return found


def tables(state: SchemaState) -> list[Finding]:
    """Whether the tables are those of this code."""
    if state.current:
        return []
    if state.found > state.wanted:
        message = f"the tables are at version {state.found}, newer than this code's {state.wanted}"
        return [Finding("schema.newer", ERROR, message, fix="Upgrade Purchase here as well.")]
    return [Finding("schema.pending", ERROR, state.pending, fix="purchase migrate")]


# --- providers ---------------------------------------------------------------------------------


async def connected(provider: Provider, public_url: str, clock: Clock) -> list[Finding]:
    """What a connection's provider says of itself: key, endpoint, clock, and what only its adapter knows."""
    name = provider.connection.name
    try:
        found = await _endpoint(provider, public_url) if public_url else []
        found += await _skew(provider, clock)
        return [*found, *await provider.examine()]
    except AuthenticationFailed as error:
        fix = "Make a new key, and configure it."
        return [Finding("provider.key", ERROR, f"{name} refused the key: {error.message}", name, fix=fix)]
    except ProviderError as error:
        message = f"{name} could not be asked: {error.message}"
        return [
            Finding(
                "provider.unreachable", WARNING, message, name, fix="Try again, or look at its status page."
            )
        ]


async def _endpoint(provider: Provider, public_url: str) -> list[Finding]:
    if Capability.WEBHOOK_ENDPOINTS not in provider.capabilities:
        return []
    name, url = provider.connection.name, endpoint_url(public_url, provider.connection.name)
    mine = [one for one in await provider.endpoints() if one.url.rstrip("/") == url]
    fix = f"Register {url} at the provider, for the events that the adapter reads."
    if not mine:
        return [Finding("endpoint.missing", ERROR, f"no endpoint of {name} is {url}", name, fix=fix)]
    if not any(one.enabled for one in mine):
        return [
            Finding(
                "endpoint.disabled", ERROR, f"the endpoint {url} is switched off", name, fix="Switch it on."
            )
        ]
    return [finding for one in mine if one.enabled for finding in _registered(provider, one)]


def _registered(provider: Provider, endpoint: WebhookEndpoint) -> list[Finding]:
    name, found = provider.connection.name, []
    missing = sorted(provider.needed_events.difference(endpoint.events)) if "*" not in endpoint.events else []
    if missing:
        message = f"the endpoint {endpoint.url} is not sent {', '.join(missing)}"
        found.append(Finding("endpoint.events", ERROR, message, name, fix="Add these events to it."))
    version = provider.endpoint_version
    if version and endpoint.api_version and endpoint.api_version != version:
        message = f"the endpoint {endpoint.url} is sent API version {endpoint.api_version}, not {version}"
        found.append(
            Finding("endpoint.version", WARNING, message, name, fix=f"Make one of version {version}.")
        )
    return found


async def _skew(provider: Provider, clock: Clock) -> list[Finding]:
    """How far our clock is from the provider's, where it has anything to answer with."""
    if Capability.LIST_OBJECTS not in provider.capabilities:
        return []
    page = await provider.objects(provider.listed_kinds[0], cursor="", limit=1)
    if not page.objects:
        return []
    seconds = abs(clock.now() - page.objects[0].order) / SECOND
    if seconds <= SKEW_SECONDS_MAX:
        return []
    level = ERROR if seconds >= SIGNATURE_WINDOW_SECONDS else WARNING
    message = f"our clock and that of {provider.connection.name} differ by {seconds:,.0f} s"
    return [Finding("clock.skew", level, message, provider.connection.name, fix="Set this machine's clock.")]


def endpoint_url(public_url: str, connection: str) -> str:
    """Where a provider is to send to."""
    return f"{public_url.rstrip('/')}/webhooks/{connection}"


async def as_cataloged(rollout: Rollouts, provider: Provider) -> list[Finding]:
    """Whether a connection sells what the catalog says. Reads only."""
    name = provider.connection.name
    if Capability.CATALOG not in provider.capabilities:
        return []
    try:
        plan = await rollout.plan(connections=[name])
    except ProviderError as error:
        message = f"the catalog of {name} could not be read: {error.message}"
        return [Finding("catalog.unread", WARNING, message, name, fix="Try again.")]
    found = []
    drifted = sum(step.drift for step in plan.steps)
    if drifted:
        message = f"{drifted:,} products or prices of ours at {name} were changed by somebody else"
        found.append(Finding("catalog.drift", WARNING, message, name, fix="purchase catalog plan"))
    left = len(plan.steps) - drifted
    if (left or plan.doubts) and await rollout.versions():  # else prices are made as they are sold
        message = f"{name} is not as the catalog says: {left:,} steps, {len(plan.doubts):,} questions"
        found.append(Finding("catalog.behind", WARNING, message, name, fix="purchase catalog plan"))
    return found


# --- the endpoint from outside -----------------------------------------------------------------


async def reached(public_url: str, connection: str) -> list[Finding]:
    """Whether an unsigned delivery is refused with 400 at the public address: no redirect, nobody else."""
    url = endpoint_url(public_url, connection)
    try:
        status = await asyncio.to_thread(_post, url)
    except (OSError, http.client.HTTPException, ValueError) as error:
        message = f"{url} cannot be reached from here: {type(error).__name__}"
        return [
            Finding(
                "endpoint.unreachable", ERROR, message, connection, fix="Check the address, and who listens."
            )
        ]
    if status == REFUSED:
        return []
    redirected = REDIRECTED <= status < REFUSED
    fix = (
        "Register the very address, with or without the last slash: a redirect is a failed delivery."
        if redirected
        else "Something before the application answers: let POST through unchanged."
    )
    message = f"{url} answers an unsigned delivery with {status}, not {REFUSED}"
    return [
        Finding("endpoint.redirect" if redirected else "endpoint.answer", ERROR, message, connection, fix=fix)
    ]


def _post(url: str) -> int:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("no address")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=PROBE_SECONDS)
    try:
        connection.request("POST", parts.path, body=b"{}", headers={"content-type": "application/json"})
        return connection.getresponse().status  # never followed
    finally:
        connection.close()


# --- what waits --------------------------------------------------------------------------------


async def waiting(store: Store, clock: Clock) -> AsyncIterator[Finding]:
    """Deliveries that nobody works off, and those that are quarantined."""
    overdue = Instant(clock.now() - OVERDUE)
    pending = await store.deliveries(state=PENDING, limit=WAITING_MAX)
    late = [one for one in pending if one.available_at < overdue]
    if late:
        message = f"{_many(late)} deliveries have been due for more than an hour"
        yield Finding("inbox.overdue", ERROR, message, late[-1].id, fix="Run `purchase work`.")
    stuck = await store.deliveries(state=QUARANTINED, limit=WAITING_MAX)
    if stuck:
        message = f"{_many(stuck)} deliveries are quarantined"
        yield Finding("inbox.quarantined", WARNING, message, stuck[0].id, fix="purchase webhooks quarantine")


REFUSED_FIX: Mapping[str, str] = {
    SignatureInvalid.code: "Name every live secret of the endpoint in webhook_secrets and deploy; then"
    " `purchase reconcile --repair` asks for what was missed.",
    WrongAccount.code: "Have the endpoint of this account and mode send here, and no other.",
}


async def refused(refusals: RefusalLog) -> AsyncIterator[Finding]:
    """Connections that have refused many deliveries lately, whichever process it was."""
    for one in await refusals.bursts():
        message = f"{one.connection} has refused {one.count:,} deliveries since the last hour: {one.reason}"
        fix = REFUSED_FIX.get(one.reason, "`purchase metrics` counts them; the provider's page shows them.")
        yield Finding("webhooks.refused", WARNING, message, one.connection, fix=fix)


OVERDUE_RETENTION = 2 * DAY


async def kept(retention: Retention) -> AsyncIterator[Finding]:
    """Whether bodies of events are kept for longer than is declared, or for ever."""
    for kind in KINDS:
        days = retention.days(kind)
        if not days:
            message = f"bodies of events are kept for ever ({kind})"
            yield Finding("retention.none", INFO, message, kind, fix="Write how many days in [retention].")
        elif (late := await retention.overdue(kind, slack=OVERDUE_RETENTION)) is not None:
            message = f"bodies of events are kept for longer than {days} days ({kind})"
            yield Finding("retention.overdue", WARNING, message, late.id, fix="Run `purchase work`.")


def _many(found: Sequence[object]) -> str:
    return f"{len(found):,}" if len(found) < WAITING_MAX else f"{WAITING_MAX:,} or more"


def unusable(error: PurchaseError) -> list[Finding]:
    """What cannot be opened as it is configured; each problem of a policy is a finding of its own."""
    if isinstance(error, PolicyInvalid):
        return [Finding(f"failed.{error.code}", ERROR, problem) for problem in error.problems]
    return [failed(error)]


def failed(error: PurchaseError, about: str = "") -> Finding:
    """An error as a finding: whatever keeps the doctor from looking further."""
    return Finding(f"failed.{error.code}", ERROR, error.message, about, fix=error.hint)
