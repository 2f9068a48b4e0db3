"""The account page: what a customer has, what is asked of them, what happened, and what they can do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from purchase_core.billing import Billing
from purchase_core.errors import WrongState
from purchase_core.identifiers import IdSource
from purchase_core.operations.passes import EVENTS
from purchase_core.ports.provider import Capability
from purchase_core.reads.activity import Happening

from .laboratory import Laboratory
from .rendering import Rendering, customer_of, form_of, go
from .showing import (
    SPENT_AT_ONCE,
    AccountView,
    account_view,
    activity_view,
    preview_view,
    wallet_view,
)

LOOKS_MAX = 16
LOOK_AGAIN_SECONDS = 0.05
DELIVERIES_SHOWN = 12
ACTIVITY_SHOWN = 40

Act: TypeAlias = Callable[[str, str, str, Mapping[str, str]], Awaitable[str]]
"""Does something for a customer about an object, under an idempotency key; where to go then ("" = back)."""


class AccountPages:
    """The page, and its buttons."""

    def __init__(
        self,
        billing: Billing,
        ids: IdSource,
        rendering: Rendering,
        laboratory: Laboratory | None,
        url: str,
    ) -> None:
        self._billing = billing
        self._ids = ids
        self._rendering = rendering
        self._laboratory = laboratory
        self._url = url
        self._acts: Mapping[str, Act] = {
            "change": self._change,
            "cancel": self._cancel,
            "keep": self._keep,
            "pause": self._pause,
            "resume": self._resume,
            "refund": self._refund,
            "pay": self._pay,
            "portal": self._portal,
            "spend": self._spend,
        }

    def routes(self) -> list[Route]:
        """All of it."""
        return [
            Route("/account", self.show),
            Route("/account/preview", self.preview),
            Route("/account/reconcile", self.reconcile, methods=["POST"]),
            Route("/account/{act}", self.act, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """What the customer has."""
        customer = customer_of(request)
        returned = request.query_params.get("from") == "checkout"
        view = await self._view(customer, patient=returned)
        changed = self._billing.catalog.offers.get(request.query_params.get("changed", ""))
        activity = await self._newest(customer)
        return self._rendering.page(
            request,
            "account.html",
            account=view,
            waiting=returned and view.waiting,
            changing=changed is not None and changed.name not in [line.title for line in view.lines],
            thanks=returned and not view.waiting and bool(view.lines),
            activity=activity_view(activity),
            wallets=[wallet_view(await self._billing.credits.wallet(customer, unit)) for unit in view.units],
            deliveries=await self._billing.webhooks.list(limit=DELIVERIES_SHOWN),
            laboratory=self._laboratory,
            key=self._ids.new("click"),
        )

    async def preview(self, request: Request) -> Response:
        """What a change of plan would cost, before it is made."""
        subscription = request.query_params.get("subscription", "")
        offer = request.query_params.get("offer", "")
        found = await self._billing.subscriptions.preview_change(
            customer_of(request), subscription, offer=offer
        )
        return self._rendering.page(
            request,
            "preview.html",
            preview=preview_view(found, self._billing.catalog.version(offer)),
            offer=offer,
            subscription=subscription,
            token=found.token,
            key=self._ids.new("click"),
        )

    async def reconcile(self, request: Request) -> Response:
        """Ask every provider what happened, and take in what never arrived: an operator's button."""
        await form_of(request)
        for connection in self._billing.connections:
            run = await self._billing.reconcile.start(connection, EVENTS, repair=True, note="from the shop")
            async for _ in self._billing.reconcile.run(run):
                pass
        return go("/account")

    async def act(self, request: Request) -> Response:
        """A button was pressed. Pressed twice, it is still one command: the key was made with the page."""
        act = self._acts.get(request.path_params["act"])
        if act is None:
            raise HTTPException(404, "There is no such button.")
        form, customer = await form_of(request), customer_of(request)
        what, key = form.get("what", ""), form.get("key", "")
        name = f"{customer}:{request.path_params['act']}:{what}:{key}"
        return go(await act(customer, what, name, form) or "/account")

    async def _view(self, customer: str, *, patient: bool) -> AccountView:
        """What the customer has; after paying, once the provider has told of it, or soon."""
        for _ in range(LOOKS_MAX if patient else 1):
            snapshot = await self._billing.customers.snapshot(customer)
            view = account_view(snapshot, self._billing.catalog, self._can)
            if not (patient and view.waiting):
                break
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
        return view

    async def _newest(self, customer: str) -> Sequence[Happening]:
        """What happened last: a timeline is read from its beginning."""
        found: list[Happening] = []
        after = ""
        while page := await self._billing.activity.list(customer, after=after):
            found = [*found, *page][-ACTIVITY_SHOWN:]
            after = page[-1].position
        return found

    def _can(self, connection: str, capability: Capability) -> bool:
        provider = self._billing.connections.get(connection)
        return provider is not None and capability in provider.capabilities

    # --- buttons ---------------------------------------------------------------------------------

    async def _change(self, customer: str, what: str, key: str, form: Mapping[str, str]) -> str:
        offer, token = form.get("offer", ""), form.get("token", "")
        await self._billing.subscriptions.change(
            customer, what, offer=offer, preview=token, idempotency_key=f"{key}:{offer}"
        )
        # Within a second an answer can count as older than what is known: the page looks until it shows.
        return f"/account?{urlencode({'changed': offer})}"

    async def _cancel(self, customer: str, what: str, key: str, form: Mapping[str, str]) -> str:
        await self._billing.subscriptions.cancel(customer, what, idempotency_key=key)
        return ""

    async def _keep(self, customer: str, what: str, key: str, form: Mapping[str, str]) -> str:
        await self._billing.subscriptions.uncancel(customer, what, idempotency_key=key)
        return ""

    async def _pause(self, customer: str, what: str, key: str, form: Mapping[str, str]) -> str:
        await self._billing.subscriptions.pause(customer, what, idempotency_key=key)
        return ""

    async def _resume(self, customer: str, what: str, key: str, form: Mapping[str, str]) -> str:
        await self._billing.subscriptions.resume(customer, what, idempotency_key=key)
        return ""

    async def _refund(self, customer: str, what: str, key: str, form: Mapping[str, str]) -> str:
        await self._billing.invoices.refund(customer, what, idempotency_key=key)
        return ""

    async def _pay(self, customer: str, what: str, key: str, form: Mapping[str, str]) -> str:
        links = await self._billing.invoices.links(customer, what)
        if not links.pay_url:
            raise WrongState("that bill cannot be paid on a page", hint="Look at it again in a moment.")
        return links.pay_url

    async def _spend(self, customer: str, what: str, key: str, form: Mapping[str, str]) -> str:
        await self._billing.credits.consume(
            customer, what, SPENT_AT_ONCE, idempotency_key=key, reason="pressed in the shop"
        )
        return ""

    async def _portal(self, customer: str, what: str, key: str, form: Mapping[str, str]) -> str:
        connection = what
        can_return = self._can(connection, Capability.PORTAL_RETURN)
        session = await self._billing.portal.create_session(
            customer, connection=connection, return_url=f"{self._url}/account" if can_return else ""
        )
        return session.url
