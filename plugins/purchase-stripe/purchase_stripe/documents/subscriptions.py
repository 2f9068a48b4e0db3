"""Subscriptions, their prices, and what schedules plan for them."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from .parts import ITEMS_MAX, Amount, Currency, Head, Id, Metadata, Part, Quantity, Ref, Seconds, Word


class CurrencyOption(Part, frozen=True, kw_only=True):
    """A price in another currency."""

    unit_amount: Amount | None


class Recurring(Part, frozen=True, kw_only=True):
    """How often a price is charged."""

    interval: Word
    interval_count: Quantity = 1


class Price(Head, frozen=True, kw_only=True):
    """A price. `unit_amount` is null for tiers and fractions of cents."""

    currency: Currency
    unit_amount: Amount | None
    recurring: Recurring | None = None
    currency_options: dict[str, CurrencyOption] | UnsetType = UNSET

    def amount_in(self, currency: str) -> int | None:
        """What one costs in a currency; None if that is not in here."""
        if currency == self.currency:
            return self.unit_amount or 0
        options = {} if isinstance(self.currency_options, UnsetType) else self.currency_options
        return options[currency].unit_amount or 0 if currency in options else None


class Item(Head, frozen=True, kw_only=True):
    """An item of a subscription, with its period."""

    price: Price
    quantity: Quantity = 1
    current_period_start: Seconds
    current_period_end: Seconds


class Items(Part, frozen=True, kw_only=True):
    """The items of a subscription; the first ten, where there are more."""

    data: Annotated[list[Item], Meta(min_length=1, max_length=ITEMS_MAX)]
    has_more: bool


class PauseCollection(Part, frozen=True, kw_only=True):
    """Invoices are made and not charged."""

    resumes_at: Seconds | None = None


class CancellationDetails(Part, frozen=True, kw_only=True):
    """Why a subscription was cancelled."""

    comment: str | None = None


class PendingUpdate(Part, frozen=True, kw_only=True):
    """A change that waits for its payment."""

    expires_at: Seconds


class PhaseItem(Part, frozen=True, kw_only=True):
    """What a phase sells."""

    price: Id | Price
    quantity: Quantity = 1


class Phase(Part, frozen=True, kw_only=True):
    """A phase of a schedule."""

    items: list[PhaseItem]
    start_date: Seconds
    end_date: Seconds


class Schedule(Head, frozen=True, kw_only=True):
    """A schedule, expanded."""

    status: Word
    phases: list[Phase]


class Subscription(Head, frozen=True, kw_only=True):
    """A subscription. Its schedule is an id until it is expanded."""

    status: Word
    customer: Ref
    currency: Currency
    items: Items
    start_date: Seconds
    trial_end: Seconds | None
    cancel_at: Seconds | None
    cancel_at_period_end: bool
    ended_at: Seconds | None
    pause_collection: PauseCollection | None = None
    pending_update: PendingUpdate | None = None
    cancellation_details: CancellationDetails | None = None
    schedule: Id | Schedule | None = None
    latest_invoice: Ref | None = None
    metadata: Metadata | None = None
