"""Bugs of what is asked for beside sales: pages, endpoints, what was lost, what can be looked up."""

from __future__ import annotations

import json
from typing import Any

import attrs

from planted.tiny.adapter import TinyProvider
from purchase_core.errors import OutcomeUnknown, ProviderRefused, ProviderUnavailable
from purchase_core.facts.fact import Fact
from purchase_core.ports.provider import (
    Fetched,
    ObjectPage,
    PortalFlow,
    PortalRequest,
    RefundRequest,
    WebhookEndpoint,
)
from purchase_core.secret import Secret

# --- pages and endpoints -------------------------------------------------------------------------


class OpensTheOverview(TinyProvider):
    """Whatever somebody came for, there is a page with everything."""

    async def create_portal(self, request: PortalRequest) -> str:
        overview = attrs.evolve(request, flow=PortalFlow.OVERVIEW)
        return await super().create_portal(overview)


class ComesBackNowhere(TinyProvider):
    """An address to return to stands in another address, and is taken for none."""

    async def create_portal(self, request: PortalRequest) -> str:
        if "?" in request.return_url:
            raise ProviderRefused("that is no address")
        return await super().create_portal(request)


class ShowsSecretsAgain(TinyProvider):
    """Whoever asks for the endpoints gets their secrets too."""

    async def endpoints(self) -> tuple[WebhookEndpoint, ...]:
        found = await super().endpoints()
        return tuple(attrs.evolve(one, secret=Secret(f"whsec_{one.id}_0123456789")) for one in found)


class SubscribesToPayments(TinyProvider):
    """An endpoint hears of what was paid."""

    def call(self, operation: str, request: dict[str, Any], key: str = "") -> dict[str, Any]:
        if operation == "make_endpoint":
            request = {**request, "events": ["invoice.paid"]}
        return super().call(operation, request, key)


class ListsTenEndpoints(TinyProvider):
    """The first page of endpoints is all of them."""

    async def endpoints(self) -> tuple[WebhookEndpoint, ...]:
        return (await super().endpoints())[:10]


# --- unknown outcomes ----------------------------------------------------------------------------


class TriesAgainByItself(TinyProvider):
    """A call whose answer is lost is made again, under another key."""

    async def refund(self, request: RefundRequest, *, key: str) -> tuple[Fact, ...]:
        try:
            return await super().refund(request, key=key)
        except OutcomeUnknown:
            return await super().refund(request, key=f"{key}:again")


class TakesLostChangesForRefused(TinyProvider):
    """A change that was not answered was not made."""

    def call(self, operation: str, request: dict[str, Any], key: str = "") -> dict[str, Any]:
        try:
            return super().call(operation, request, key)
        except OutcomeUnknown:
            if operation == "make_session":
                raise
            raise ProviderRefused("no answer") from None


class AnswersLostCallsWithNothing(TinyProvider):
    """A lost answer is an empty one."""

    async def expire_checkout(self, session: str, *, key: str) -> tuple[Fact, ...]:
        try:
            return await super().expire_checkout(session, key=key)
        except OutcomeUnknown:
            return ()


class TakesLostReadsForUnknown(TinyProvider):
    """Whatever was not answered may have happened, though it was only asked."""

    def call(self, operation: str, request: dict[str, Any], key: str = "") -> dict[str, Any]:
        try:
            return super().call(operation, request, key)
        except ProviderUnavailable as error:
            if error.retry_after_seconds is not None or "nobody" in error.message:
                raise
            raise OutcomeUnknown("who knows") from None


# --- reading -------------------------------------------------------------------------------------


class CannotFetchDisputes(TinyProvider):
    """What is told of disputes cannot be asked for."""

    async def fetch(self, kind: str, object_id: str) -> Fetched:
        if kind == "dispute":
            raise ProviderRefused("unknown kind")
        return await super().fetch(kind, object_id)


class ListsWithoutItems(TinyProvider):
    """A list shows less than an event, and what is missing is filled in with nothing."""

    async def objects(self, kind: str, *, cursor: str, limit: int = 100) -> ObjectPage:
        page = await super().objects(kind, cursor=cursor, limit=limit)
        rows = tuple(
            attrs.evolve(one, body=json.dumps(json.loads(one.body) | {"lines": []}).encode())
            for one in page.objects
        )
        return attrs.evolve(page, objects=rows)
