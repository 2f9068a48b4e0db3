"""Provisions: the customer and the price that a provider must have before it can open a checkout.

Both are found or created under keys that follow from what they are for, so that any number of tries, by
any number of processes, end with one of each.
"""

from __future__ import annotations

import attrs

from purchase_core.canonical import content_hash
from purchase_core.catalog.versions import OfferVersion
from purchase_core.errors import AuthenticationFailed, InvalidArgument, ProviderRefused
from purchase_core.facts.fact import object_key
from purchase_core.identifiers import IdSource
from purchase_core.instants import Clock, Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.provider import CustomerRequest, PriceRequest, Provider
from purchase_core.ports.store import Store
from purchase_core.projection.owner import lane_of
from purchase_core.projection.recorder import Recorder
from purchase_core.records.reference import PriceReference, Reference
from purchase_core.rollout.terms import price_request
from purchase_core.text import identifier
from purchase_core.workflows.links import Links

EMAIL_CHARACTERS_MAX = 254


@attrs.frozen
class Provided:
    """A provider's customer; "" for a guest. `another`: it took the place of one who is gone."""

    id: str
    another: bool = False


class Provisions:
    """Finds what is there already, and makes what is not."""

    def __init__(self, store: Store, recorder: Recorder, clock: Clock, ids: IdSource) -> None:
        self._store = store
        self._recorder = recorder
        self._clock = clock
        self._ids = ids
        self.links = Links(store, clock, ids)

    async def customer(self, provider: Provider, customer: str, email: str) -> Provided:
        """The provider's customer of ours. One link row decides; it is written once.

        Another one takes the place of those that are gone, unless somebody has put that right.
        """
        if not customer:
            return Provided("")
        connection, lane = provider.connection, await lane_of(self._store, customer)
        linked = await self.links.of(connection.name, lane)
        if linked.good:
            return Provided(linked.good[0], another=bool(linked.gone))
        for one in linked.gone:
            if not await self.links.is_gone(provider, lane, one):
                return Provided(one, another=len(linked.gone) > 1)
        words = ("customer", connection.project, connection.environment, customer)
        key = ":".join((*words, *(("instead", content_hash(linked.gone)) if linked.gone else ())))
        request = CustomerRequest(customer, email, linked.gone)
        try:
            made = await provider.ensure_customer(request, key=key)
        except AuthenticationFailed:
            raise
        except ProviderRefused:
            # Another checkout may have used the key, with another e-mail: then the customer is there by now.
            made = await provider.ensure_customer(request, key=key)
        # If the lane was merged meanwhile, the recorder finds its owner.
        reference = Reference(object_key("customer", connection.name, made), lane)
        await self._recorder.link(reference, cause="checkout")
        return Provided(made, another=bool(linked.gone))

    async def must_have_address(self, provider: Provider, customer: str, email: str) -> None:
        """Raise InvalidArgument where the provider would refuse the customer for want of an e-mail address.

        Asked before anything is written or closed: only the application knows the address, so that what a
        worker began without it could not go on.
        """
        if not customer or email or not provider.capabilities.unique_emails:
            return
        if await self.known_customer(provider, customer) is None:
            name = provider.connection.name
            message = f"connection {name!r} has one customer an e-mail address, and none was given"
            raise InvalidArgument(message, hint="Pass `email`.")

    async def known_customer(self, provider: Provider, customer: str) -> str | None:
        """The provider's customer that is linked to ours already, and not known to be gone."""
        if not customer:
            return None
        return next(iter((await self.links.of_customer(provider, customer)).good), None)

    async def price(
        self,
        provider: Provider,
        version: OfferVersion,
        currency: str,
        *,
        trial: bool = False,
        keep: bool = False,
    ) -> tuple[str, PriceRequest]:
        """The provider's price of a version in a currency, and what it is made of.

        `trial`: the one that begins with the trial, where trials belong to prices. `keep`: the version may
        not be stored yet, and is with a new price.
        """
        request = price_request(version, currency, provider.capabilities, trial=trial)
        connection = provider.connection
        known = await self.known_price(provider, version, currency, trial=trial)
        if known:
            return known, request
        words = (connection.project, connection.environment, version.hash, request.currency, request.variant)
        price = await provider.ensure_price(request, key=":".join(("price", *filter(None, words))))
        now = self._clock.now()
        made = references(connection.name, price, request, now)
        offers = (version,) if keep else ()
        await self._store.commit(Batch(self._ids.new("batch"), now, prices=made, offers=offers))
        return price, request

    async def known_price(
        self, provider: Provider, version: OfferVersion, currency: str, *, trial: bool = False
    ) -> str:
        """The price that we know to be on sale for a version in a currency; "" for none."""
        request = price_request(version, currency, provider.capabilities, trial=trial)
        known = await self._store.price_for(provider.connection.name, version.hash, currency, request.variant)
        return known.price if known else ""


def references(connection: str, price: str, request: PriceRequest, at: Instant) -> tuple[PriceReference, ...]:
    """What a price stands for: a reference for each currency that it can be paid in."""
    return tuple(
        PriceReference(
            connection, price, request.offer, request.version, currency, at, variant=request.variant
        )
        for currency in request.currencies
    )


def checked_email(email: str) -> str:
    """The e-mail, "" for none, if it can be sent. Raises InvalidArgument, which does not quote it."""
    return identifier("email", email, characters_max=EMAIL_CHARACTERS_MAX) if email else ""
