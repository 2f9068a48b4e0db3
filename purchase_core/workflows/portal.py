"""The provider's own pages for a customer."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from purchase_core.errors import InvalidArgument, NotFound
from purchase_core.facts.rows import SubscriptionRow
from purchase_core.ports.provider import PortalFlow, PortalRequest, needed_for_portal
from purchase_core.ports.store import Store
from purchase_core.projection.owner import lane_of
from purchase_core.projection.tables import row_of_lane
from purchase_core.workflows.commands import Commands
from purchase_core.workflows.links import Links
from purchase_core.workflows.urls import return_url as checked_url


@attrs.frozen
class PortalSession:
    """A page that the customer can be sent to, now: not to be kept."""

    url: str
    connection: str


class Portal:
    """Opens the provider's pages."""

    def __init__(self, store: Store, commands: Commands, links: Links) -> None:
        self._store = store
        self._commands = commands
        self._links = links

    async def create_session(
        self,
        customer: str,
        *,
        flow: PortalFlow = PortalFlow.OVERVIEW,
        subscription: str = "",
        return_url: str = "",
        connection: str = "",
    ) -> PortalSession:
        """A page of the provider, for one of the application's customers.

        All flows but the overview name a subscription, by its row's key. `connection` is needed where the
        customer is known on several and no subscription says which. A provider's customer that several of
        ours share has no page: it would show one what belongs to the other. Nor has one that is gone there.
        Raises InvalidArgument, NotFound, CapabilityMissing, or a ProviderError.
        """
        lane = await lane_of(self._store, customer)
        url = checked_url("return_url", return_url) if return_url else ""
        if flow != PortalFlow.OVERVIEW and not subscription:
            raise InvalidArgument(f"the flow {flow.value!r} needs a subscription")
        row = await self._subscription(customer, lane, subscription) if subscription else None
        name, provider_customer = await self._known(customer, lane, row.connection if row else connection)
        request = PortalRequest(provider_customer, flow, row.provider_id if row else "", url)
        provider = self._commands.provider(name)
        provider.need(*needed_for_portal(request))
        return PortalSession(await provider.create_portal(request), name)

    async def _subscription(self, customer: str, lane: str, key: str) -> SubscriptionRow:
        row = await row_of_lane(self._store, SubscriptionRow, lane, key)
        if row is not None:
            return row
        raise NotFound(f"customer {customer!r} has no subscription {key!r}")

    async def _known(self, customer: str, lane: str, connection: str) -> tuple[str, str]:
        """Connection and provider's id of a customer, where it is theirs alone."""
        found: Sequence[tuple[str, str]] = [
            (name, identifier)
            for _, name, identifier in (
                reference.object.split(":", 2)
                for reference in await self._store.references_of(lane, "customer")
            )
            if connection in ("", name) and await self._links.noted(name, identifier) is None
        ]
        if not found:
            where = f" on connection {connection!r}" if connection else ""
            raise NotFound(
                f"customer {customer!r} is no customer of their own{where}",
                hint="They have bought nothing yet, or share the provider's customer with somebody else.",
            )
        if len({name for name, _ in found}) > 1:
            names = ", ".join(sorted({name for name, _ in found}))
            raise InvalidArgument(f"customer {customer!r} is known on {names}: say which connection")
        return found[0]
