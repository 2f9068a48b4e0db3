"""The hooks: their specification is their documentation.

Registering hooks return descriptors; everything after that is ordinary typed code. Listening hooks are told
what happens. Each gets at most two arguments, all frozen, of which an implementation takes those it names;
each implementation is called on its own, so that one that fails or hangs takes nothing else along.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import pluggy

from purchase_core.instants import Instant
from purchase_core.plugins.descriptors import ProviderPlugin, RouterPlugin, StorePlugin, Subscriber
from purchase_core.ports.router import Candidate, RouteRequest, RoutingDecision
from purchase_core.records.effect import Effect
from purchase_core.records.finding import Finding

PROJECT = "purchase"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@attrs.frozen
class RouteScore:
    """What a plugin says of one candidate: a score (more is better), or a reason to leave it out."""

    connection: str
    score: float = 0.0
    excluded: str = ""


@attrs.frozen
class ProviderCall:
    """One call to a provider that has ended. No payloads: `outcome` is "ok" or an error's code."""

    connection: str
    plugin: str
    operation: str
    outcome: str
    duration_microseconds: int


# --- registering -------------------------------------------------------------------------------


@hookspec
def purchase_register_providers() -> Sequence[ProviderPlugin[Any]]:
    """The payment providers that this plugin brings.

    Example:

        @hookimpl
        def purchase_register_providers():
            return [ProviderPlugin("acme", AcmeProvider.capabilities, AcmeConfig, open_acme)]
    """
    raise NotImplementedError


@hookspec
def purchase_register_stores() -> Sequence[StorePlugin[Any]]:
    """The databases that this plugin brings.

    Example:

        @hookimpl
        def purchase_register_stores():
            return [StorePlugin("acme", AcmeStoreConfig, open_acme_store)]
    """
    raise NotImplementedError


@hookspec
def purchase_register_routers() -> Sequence[RouterPlugin[Any]]:
    """The ways to choose a connection that this plugin brings.

    Example:

        @hookimpl
        def purchase_register_routers():
            return [RouterPlugin("cheapest", CheapestConfig, Cheapest)]
    """
    raise NotImplementedError


@hookspec
def purchase_register_subscribers() -> Sequence[Subscriber]:
    """Who must be told of what happened, and miss nothing: from the outbox, in order, at least once.

    Example:

        @hookimpl
        def purchase_register_subscribers():
            return [Subscriber("acme-licences", send_licence_key, events=("purchase.granted",))]
    """
    raise NotImplementedError


# --- listening ---------------------------------------------------------------------------------


@hookspec
async def purchase_score_routes(
    request: RouteRequest, candidates: tuple[Candidate, ...]
) -> Sequence[RouteScore]:
    """Score or exclude connections before a checkout is routed. Awaited under a deadline.

    What is returned is recorded with the decision, as an input: scores are finite and add up, the first
    reason to exclude counts, and connections that are no candidates are passed over. A plugin that fails, is
    too slow, or says what cannot be recorded counts as having said nothing.

    Example:

        @hookimpl
        async def purchase_score_routes(request, candidates):
            return [RouteScore(one.connection, score=uptime(one.plugin)) for one in candidates]
    """
    raise NotImplementedError


@hookspec
async def purchase_before_checkout(request: RouteRequest, decision: RoutingDecision) -> None:
    """Stop a checkout before anything is written or sent, by raising CheckoutVetoed.

    Awaited under a deadline. Fails closed: whatever else is raised stops the checkout as well, and so does
    running out of time.

    Example:

        @hookimpl
        async def purchase_before_checkout(request, decision):
            if request.customer in await blocked_customers():
                raise CheckoutVetoed("this customer cannot buy")
    """
    raise NotImplementedError


@hookspec
async def purchase_on_event(event: Effect) -> None:
    """Something happened, and is committed: `purchase.granted`, `subscription.started`, `case.excess`, ...

    Best effort, after the commit and beside the request: it may be missed when the process ends, and may
    come twice. Who must not miss anything is a subscriber.

    Example:

        @hookimpl
        async def purchase_on_event(event):
            log.info("%s %s", event.name, event.about)
    """
    raise NotImplementedError


@hookspec
def purchase_on_provider_call(call: ProviderCall) -> None:
    """A call to a provider has ended, well or not. For telemetry; carries no payloads. Must not block.

    Example:

        @hookimpl
        def purchase_on_provider_call(call):
            histogram.record(call.duration_microseconds, {"operation": call.operation})
    """
    raise NotImplementedError


@hookspec
async def purchase_examine(at: Instant) -> Sequence[Finding]:
    """The doctor asks what this plugin finds wrong, or worth knowing. Awaited under a deadline. Read only.

    Ids are stable, and told behind the plugin's name: `limits.full` of the plugin `acme` is
    `acme:limits.full`. A plugin that fails or is late is a finding itself.

    Example:

        @hookimpl
        async def purchase_examine(at):
            return [Finding("limits.full", "warning", "no seats are left", fix="Buy more.")]
    """
    raise NotImplementedError


REGISTERING = (
    "purchase_register_providers",
    "purchase_register_stores",
    "purchase_register_routers",
    "purchase_register_subscribers",
)
LISTENING = (
    "purchase_score_routes",
    "purchase_before_checkout",
    "purchase_on_event",
    "purchase_on_provider_call",
    "purchase_examine",
)
