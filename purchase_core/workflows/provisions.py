"""Provisions: the customer and the price that a provider must have before it can open a checkout.

Both are found or created under keys that follow from what they are for, so that any number of tries, by
any number of processes, end with one of each.
"""

from __future__ import annotations

import attrs

from purchase_core.catalog.versions import OfferVersion
from purchase_core.errors import AuthenticationFailed, InvalidArgument, ProviderRefused
from purchase_core.facts.fact import object_key
from purchase_core.identifiers import IdSource
from purchase_core.instants import Clock
from purchase_core.money import Money
from purchase_core.ports.provider import CustomerRequest, PriceRequest, Provider, TaxBehavior
from purchase_core.ports.store import Batch, Store
from purchase_core.projection.recorder import Recorder
from purchase_core.records.lane import customer_lane
from purchase_core.records.reference import PriceReference, Reference
from purchase_core.text import identifier
from purchase_core.workflows.order import Order

EMAIL_CHARACTERS_MAX = 254


class Provisions:
    """Finds what is there already, and makes what is not."""

    def __init__(self, store: Store, recorder: Recorder, clock: Clock, ids: IdSource) -> None:
        self._store = store
        self._recorder = recorder
        self._clock = clock
        self._ids = ids

    async def customer(self, provider: Provider, customer: str, email: str) -> str:
        """The provider's customer of ours; "" for a guest. One link row decides; it is written once."""
        if not customer:
            return ""
        known = await self.known_customer(provider, customer)
        if known:
            return known
        connection = provider.connection
        key = f"customer:{connection.project}:{connection.environment}:{customer}"
        try:
            made = await provider.ensure_customer(CustomerRequest(customer, email), key=key)
        except AuthenticationFailed:
            raise
        except ProviderRefused:
            # Another checkout may have used the key, with another e-mail: then the customer is there by now.
            made = await provider.ensure_customer(CustomerRequest(customer, email), key=key)
        reference = Reference(object_key("customer", connection.name, made), customer_lane(customer))
        await self._recorder.link(reference, cause="checkout")
        return made

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
        """The provider's customer that is linked to ours already."""
        if not customer:
            return None
        for reference in await self._store.references_of(customer_lane(customer), "customer"):
            _, connection, identifier = reference.object.split(":", 2)
            if connection == provider.connection.name:
                return identifier
        return None

    async def price(self, provider: Provider, order: Order) -> str:
        """The provider's price of the offer version that is being sold."""
        request = order_price(order)
        if provider.capabilities.price_trials:
            request = attrs.evolve(request, trial_days=order.trial_days)
        return await self.price_for(provider, request)

    async def price_for(
        self, provider: Provider, request: PriceRequest, offers: tuple[OfferVersion, ...] = ()
    ) -> str:
        """The provider's price of an offer version in a currency. `offers` are stored with a new one."""
        connection = provider.connection
        known = await self._store.price_for(connection.name, request.version, request.currency)
        if known is not None:
            return known.price
        key = f"price:{connection.project}:{connection.environment}:{request.version}:{request.currency}"
        price = await provider.ensure_price(request, key=key)
        now = self._clock.now()
        made = PriceReference(connection.name, price, request.offer, request.version, request.currency, now)
        await self._store.commit(Batch(self._ids.new("batch"), now, prices=(made,), offers=offers))
        return price


def order_price(order: Order) -> PriceRequest:
    """The price that an order needs."""
    return PriceRequest(
        offer=order.wish.offer,
        version=order.version,
        product_name=order.product_name,
        unit_amount=order.unit_amount,
        currency=order.currency,
        interval=order.interval,
        interval_count=order.interval_count,
        tax_behavior=TaxBehavior(order.tax),
        tax_category=order.tax_category,
        quantity_max=order.quantity_max,
    )


def version_price(version: OfferVersion, price: Money) -> PriceRequest:
    """One of the prices of an offer version."""
    return PriceRequest(
        offer=version.offer,
        version=version.hash,
        product_name=version.name,
        unit_amount=price.minor,
        currency=price.currency,
        interval=version.interval,
        interval_count=version.interval_count,
        tax_behavior=TaxBehavior(version.tax),
        tax_category=version.tax_category,
        quantity_max=version.quantity_max,
    )


def checked_email(email: str) -> str:
    """The e-mail, "" for none, if it can be sent. Raises InvalidArgument, which does not quote it."""
    return identifier("email", email, characters_max=EMAIL_CHARACTERS_MAX) if email else ""
