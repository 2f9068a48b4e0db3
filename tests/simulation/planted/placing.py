"""Bugs in placing: whose something is."""

from __future__ import annotations

from typing import Any

from purchase_core.errors import ProviderRefused
from purchase_core.projection import placing
from purchase_core.projection.change import Change
from purchase_core.projection.placing import home, is_ours
from purchase_core.records.lane import object_lane
from purchase_core.testing.memory_store import MemoryStore
from purchase_core.workflows.claims import Claims
from purchase_core.workflows.provisions import Provisions

from .planting import Planter, bug


@bug
def gives_renewals_no_home(to: Planter) -> None:
    """A renewal, which names nothing, waits by itself."""
    to.everywhere(home, lambda fact: object_lane(fact.object) if fact.kind == "invoice" else home(fact))


@bug
def takes_renewals_for_foreign(to: Planter) -> None:
    """What does not carry our reference is of somebody else."""

    def strict(fact: Any, places: Any, claims: Any) -> bool:
        return is_ours(fact, places, claims) and bool(
            fact.connection == "own" or getattr(fact.body, "intent", "") or fact.kind in ("refund", "dispute")
        )

    to.everywhere(is_ours, strict)


@bug
def follows_the_payer(to: Planter) -> None:
    """Something belongs to whoever is linked to the provider's customer, whatever it names."""

    def by_payer(fact: Any, places: Any, claims: Any) -> Any:
        found = original(fact, places, claims)
        linked = placing._linked(fact, places)
        return placing.Placement(linked, found.joined) if linked and fact.kind != "intent" else found

    original = placing.place
    to.everywhere(original, by_payer)


@bug
def gives_agreements_to_who_pays_for_them(to: Planter) -> None:
    """A renewal that is heard of before its agreement is of whoever has paid it."""
    to.everywhere(placing.follows_agreement, lambda fact: False)


@bug
def leaves_rows_behind_when_linking(to: Planter) -> None:
    """What waited for its owner stays where it waited."""

    def lanes_only(self: Any, lane: str, owner: str) -> None:
        self.places.links[lane] = owner
        self._lanes.update(dict.fromkeys([lane, owner]))

    to.put(Change, "link", lanes_only)


@bug
def lets_anybody_claim(to: Planter) -> None:
    """What a guest has bought goes to whoever claims last."""

    async def any_time(self: Any, token: str, customer: str) -> None:
        self._read(token)

    to.put(Claims, "claim", any_time)


@bug
def cannot_tell_prices_apart(to: Planter) -> None:
    """Two offers of one amount and currency share a price."""

    async def any_price(self: Any, provider: Any, version: Any, currency: str, *, trial: bool = False) -> str:
        name = provider.connection.name
        for known in getattr(self._store, "_store", self._store).database.prices.values():
            if (known.connection, known.currency) == (name, currency):
                return str(known.price)
        return ""

    to.put(Provisions, "known_price", any_price)


@bug
def needs_no_address(to: Planter) -> None:
    """A checkout goes to where a customer needs an address, without one."""

    async def never(self: Any, provider: Any, customer: str, email: str) -> None:
        return

    to.put(Provisions, "must_have_address", never)


@bug
def guards_no_lane(to: Planter) -> None:
    """A batch is written, whatever has been decided meanwhile."""
    to.put(MemoryStore, "_check_lanes", lambda store, batch: None)


@bug
def says_the_address(to: Planter) -> None:
    """An error about a customer quotes the e-mail address."""
    customer = Provisions.customer

    async def telling(self: Any, provider: Any, name: str, email: str) -> Any:
        try:
            return await customer(self, provider, name, email)
        except ProviderRefused as error:
            raise type(error)(f"{error.message}: {email}") from None
        except Exception as error:
            if hasattr(error, "message"):
                error.args = (f"{error.args[0]}: {email}",)
                error.message = error.args[0]
            raise

    to.put(Provisions, "customer", telling)
