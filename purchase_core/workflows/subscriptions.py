"""Subscriptions of a customer: what there are, and what can be done to them.

A command never forges the state that it wishes for: what the provider answers is a fact like its webhook,
and whichever comes second changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
import msgspec

from purchase_core.canonical import content_hash
from purchase_core.catalog.catalog import Catalog
from purchase_core.catalog.versions import OfferVersion
from purchase_core.errors import InvalidArgument, NotFound, OfferNotSellable, WrongState
from purchase_core.facts.reading import ENDED_SUBSCRIPTIONS
from purchase_core.facts.rows import InvoiceRow, SubscriptionRow
from purchase_core.instants import Clock, Instant
from purchase_core.ports.paging import every_open_bill
from purchase_core.ports.provider import (
    Capability,
    ChangePreview,
    ChangeRequest,
    Proration,
    needed_for_change,
)
from purchase_core.ports.store import Store
from purchase_core.projection.owner import lane_of
from purchase_core.projection.tables import row_of_lane, rows_of_lane
from purchase_core.workflows.commands import CommandKind, Commands, Draft
from purchase_core.workflows.provisions import Provisions
from purchase_core.workflows.subscription_commands import (
    Cancel,
    CancelWish,
    Change,
    ChangeWish,
    Pause,
    PauseWish,
    Resume,
    ResumeWish,
    Uncancel,
    UncancelWish,
    Wish,
)

GRANTING = ("active", "trialing", "past_due", "paused")  # the best first


@attrs.frozen
class SubscriptionChanged:
    """A subscription after a command: its row as it is known now, and the id of the receipt.

    `bill` is one that the customer must see to before a change is made (`billing.invoices.links` leads
    there): a bank asks who is paying. Until then, and if nobody answers, the subscription stays as it was.
    """

    subscription: SubscriptionRow
    receipt: str
    bill: InvoiceRow | None = None


class Subscriptions:
    """What an application does about its customers' subscriptions.

    A subscription is named by its key, as rows have it (`subscription:stripe-eu:sub_…`), together with the
    customer: one customer's key is of no use to another. Every command takes an idempotency key: the same
    key and arguments are one command, however often it is asked for. All raise NotFound, WrongState (it has
    ended, or is not in a state that allows this), CapabilityMissing before anything is sent, and what
    `Commands.run` raises.
    """

    def __init__(
        self, store: Store, commands: Commands, catalog: Catalog, provisions: Provisions, clock: Clock
    ) -> None:
        self._store = store
        self._commands = commands
        self._catalog = catalog
        self._provisions = provisions
        self._clock = clock
        self._change = Change(provisions)
        self._cancel, self._uncancel = Cancel(), Uncancel()
        self._pause, self._resume = Pause(), Resume()
        for kind in (self._change, self._cancel, self._uncancel, self._pause, self._resume):
            commands.register(kind)

    # --- reads -------------------------------------------------------------------------------

    async def list(self, customer: str) -> Sequence[SubscriptionRow]:
        """Every subscription that the customer ever had, the newest first."""
        rows = await rows_of_lane(self._store, SubscriptionRow, await lane_of(self._store, customer))
        return sorted(rows, key=lambda row: (row.started_at, row.key), reverse=True)

    async def current(self, customer: str, product: str = "") -> SubscriptionRow | None:
        """The subscription that counts: bound by its payment, and not ended; None if there is none.

        `product` narrows it to one product. Of several, one in a better state comes first (active, trialing,
        past due, paused), then the newest.
        """
        live = [row for row in await self.list(customer) if row.bound and row.status in GRANTING]
        if product:
            offers = await self._store.offers([row.version for row in live if row.version])
            live = [
                row for row in live if row.version in offers and offers[row.version].product_id == product
            ]
        return min(live, key=lambda row: GRANTING.index(row.status), default=None)

    async def preview_change(
        self,
        customer: str,
        subscription: str,
        *,
        offer: str,
        quantity: int = 1,
        proration: Proration = Proration.NOW,
        at_period_end: bool = False,
    ) -> ChangePreview:
        """What a change would cost, as the provider works it out. Its token goes into `change`."""
        row = await self._live(customer, subscription)
        version, currency = self._sold(offer, row.currency, quantity)
        provider = self._commands.provider(row.connection)
        request = ChangeRequest(row.provider_id, "", quantity, proration, at_period_end)
        provider.need(Capability.PREVIEW_CHANGE, *needed_for_change(request))
        made, _ = await self._provisions.price(provider, version, currency, keep=True)
        return await provider.preview_change(attrs.evolve(request, price=made))

    # --- commands ----------------------------------------------------------------------------

    async def change(
        self,
        customer: str,
        subscription: str,
        *,
        offer: str,
        idempotency_key: str,
        quantity: int = 1,
        proration: Proration = Proration.NOW,
        at_period_end: bool = False,
        preview: str = "",
    ) -> SubscriptionChanged:
        """Put a subscription on another offer or quantity.

        Pay first: what is due at once must be paid, else nothing changes; see `SubscriptionChanged.bill` for
        what a customer's bank may ask before. `at_period_end`: with the next
        renewal. `preview` is the token of `preview_change`: what was shown is what is charged.
        """
        version = self._catalog.version(offer)

        def wish(row: SubscriptionRow) -> ChangeWish:
            sold, currency = self._sold(offer, row.currency, quantity)
            return ChangeWish(
                row.provider_id,
                sold,
                currency,
                quantity,
                proration,
                at_period_end,
                preview,
            )

        arguments = (offer, quantity, proration.value, at_period_end, preview)
        done = await self._run(
            self._change, customer, subscription, idempotency_key, arguments, wish, offers=(version,)
        )
        return attrs.evolve(done, bill=await self._waiting(customer, done.subscription))

    async def cancel(
        self, customer: str, subscription: str, *, idempotency_key: str, at_period_end: bool = True
    ) -> SubscriptionChanged:
        """End a subscription: with the period that is paid, or now. Gives nothing back by itself."""

        def wish(row: SubscriptionRow) -> CancelWish:
            return CancelWish(row.provider_id, at_period_end)

        return await self._run(self._cancel, customer, subscription, idempotency_key, (at_period_end,), wish)

    async def uncancel(
        self, customer: str, subscription: str, *, idempotency_key: str
    ) -> SubscriptionChanged:
        """Take back a cancellation that has not come yet."""

        def wish(row: SubscriptionRow) -> UncancelWish:
            if row.cancel_at is None:
                raise WrongState(f"{row.key} is not about to end")
            return UncancelWish(row.provider_id)

        return await self._run(self._uncancel, customer, subscription, idempotency_key, (), wish)

    async def pause(
        self,
        customer: str,
        subscription: str,
        *,
        idempotency_key: str,
        at_period_end: bool = False,
        resumes_at: Instant | None = None,
        collection_only: bool = False,
    ) -> SubscriptionChanged:
        """Stop a subscription for a while. `collection_only`: it goes on, and is not charged."""

        def wish(row: SubscriptionRow) -> PauseWish:
            if row.status == "paused":
                raise WrongState(f"{row.key} is paused already")
            return PauseWish(row.provider_id, at_period_end, resumes_at, collection_only)

        if resumes_at is not None and resumes_at <= self._clock.now():
            raise InvalidArgument("resumes_at must be in the future")
        arguments = (at_period_end, resumes_at, collection_only)
        return await self._run(self._pause, customer, subscription, idempotency_key, arguments, wish)

    async def resume(
        self, customer: str, subscription: str, *, idempotency_key: str, new_period: bool = True
    ) -> SubscriptionChanged:
        """Go on with a paused one: with a period that begins now, or with the one that it had."""

        def wish(row: SubscriptionRow) -> ResumeWish:
            if row.status != "paused" and row.collecting:
                raise WrongState(f"{row.key} is not paused")
            return ResumeWish(row.provider_id, new_period, collection=row.status != "paused")

        return await self._run(self._resume, customer, subscription, idempotency_key, (new_period,), wish)

    # --- behind them -------------------------------------------------------------------------

    async def _run(
        self,
        kind: CommandKind,
        customer: str,
        subscription: str,
        idempotency_key: str,
        arguments: tuple[object, ...],
        wish: Callable[[SubscriptionRow], Wish],
        *,
        offers: tuple[OfferVersion, ...] = (),
    ) -> SubscriptionChanged:
        async def decide(command: str, now: Instant) -> Draft:
            row = await self._live(customer, subscription)
            asked = wish(row)
            self._commands.provider(row.connection).need(*asked.needed())
            return Draft(row.connection, row.key, msgspec.json.encode(asked), offers=offers)

        done = await self._commands.run(
            kind,
            lane=await lane_of(self._store, customer),
            idempotency_key=idempotency_key,
            fingerprint=content_hash([customer, subscription, *arguments]),
            decide=decide,
        )
        return SubscriptionChanged(await self._find(customer, subscription), done.id)

    async def _find(self, customer: str, subscription: str) -> SubscriptionRow:
        lane = await lane_of(self._store, customer)
        row = await row_of_lane(self._store, SubscriptionRow, lane, subscription)
        if row is not None:
            return row
        raise NotFound(
            f"customer {customer!r} has no subscription {subscription!r}",
            hint="`billing.subscriptions.list` returns them; a subscription is named by its row's key.",
        )

    async def _waiting(self, customer: str, row: SubscriptionRow) -> InvoiceRow | None:
        """The newest bill of a change that is still open."""
        bills = [
            one
            async for one in every_open_bill(self._store, await lane_of(self._store, customer))
            if (one.connection, one.subscription) == (row.connection, row.provider_id)
            if one.reason == "change"
        ]
        return max(bills, key=lambda one: (one.due_at or 0, one.key), default=None)

    async def _live(self, customer: str, subscription: str) -> SubscriptionRow:
        row = await self._find(customer, subscription)
        if row.status in ENDED_SUBSCRIPTIONS:
            raise WrongState(f"{subscription} has ended", hint="Start a new checkout.")
        return row

    def _sold(self, offer: str, currency: str, quantity: int) -> tuple[OfferVersion, str]:
        """An offer, and the currency of its price for a subscription that is paid in this one."""
        version = self._catalog.version(offer)
        if version.product != "subscription" or not version.prices:
            raise OfferNotSellable(
                f"offer {offer!r} is nothing that a subscription can change to",
                hint="To go back to a free plan, cancel the subscription.",
            )
        if type(quantity) is not int or not version.quantity_min <= quantity <= version.quantity_max:
            bounds = f"{version.quantity_min} to {version.quantity_max}"
            raise InvalidArgument(f"quantity of {offer!r} must be a whole number from {bounds}")
        if any(price.currency == currency for price in version.prices):
            return version, currency
        if any(one.price.currency == currency for one in version.countries):
            return version, version.prices[0].currency  # that price costs something else where it is paid
        raise OfferNotSellable(f"offer {offer!r} is not sold in {currency}, as the subscription is paid")
