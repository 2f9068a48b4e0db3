"""What lies in an account of the simulated provider. Instants are microseconds, amounts minor units.

Nothing here knows the core: the oracle reads these objects too.
"""

from __future__ import annotations

import msgspec


class Thing(msgspec.Struct, tag_field="kind", gc=False):
    """An object. `at` is when it came to look like this; `metadata` is what the application wrote on it."""

    id: str
    at: int
    metadata: dict[str, str]


class Price(msgspec.Struct, gc=False):
    """A price. `interval` "" means paid once."""

    id: str
    version: str
    unit_amount: int
    currency: str
    interval: str
    interval_count: int
    trial_days: int


class Payer(msgspec.Struct, gc=False):
    """A customer of the account. `card`: good | declined | authenticate."""

    id: str
    customer: str
    email: str
    card: str = "good"


class Line(msgspec.Struct, gc=False):
    """A line of an invoice."""

    price: str
    quantity: int
    unit_amount: int
    amount: int
    currency: str
    start: int = 0
    end: int = 0
    proration: bool = False
    trial: bool = False


class Session(Thing, tag="session"):
    """A checkout page. `status`: open | complete | expired. `payment`: unpaid | paid | none_due."""

    mode: str
    price: str
    quantity: int
    payer: str
    trial_days: int
    opened_at: int
    expires_at: int | None
    status: str = "open"
    payment: str = "unpaid"
    subscription: str = ""
    invoice: str = ""


class Subscription(Thing, tag="subscription"):
    """An agreement. Periods are counted from `anchor`; `period` is the number of the present one."""

    status: str
    payer: str
    price: str
    quantity: int
    unit_amount: int
    currency: str
    interval: str
    interval_count: int
    started_at: int
    anchor: int
    period: int
    period_start: int
    period_end: int
    trial_end: int | None = None
    cancel_at: int | None = None
    ended_at: int | None = None
    paused_at: int | None = None
    collecting: bool = True
    next_price: str = ""
    next_quantity: int = 0
    next_unit_amount: int = 0

    @property
    def draft(self) -> bool:
        """Whether its first bill waits for its money: nobody is told of it yet."""
        return self.status == "incomplete"


class Invoice(Thing, tag="invoice"):
    """A bill. `reason`: first | renewal | change | manual. `tries`: how often its money was asked for."""

    status: str
    reason: str
    payer: str
    currency: str
    total: int
    paid: int
    lines: list[Line]
    due_at: int
    paid_at: int | None = None
    subscription: str = ""
    action: str = ""
    tries: int = 0

    @property
    def draft(self) -> bool:
        """Whether its money was never asked for: nobody is told of it yet."""
        return self.status == "open" and not self.tries


class Refund(Thing, tag="refund"):
    """Money that goes back. `decides_at`: when a pending one is decided (0: never by itself)."""

    invoice: str
    amount: int
    currency: str
    status: str
    decides_at: int = 0


class Dispute(Thing, tag="dispute"):
    """Money that a bank holds back. `status`: open | won | lost."""

    invoice: str
    amount: int
    currency: str
    status: str


class Bare(Thing, tag="bare"):
    """A refund or dispute as Stripe's events tell it: without the invoice that it is of."""

    of: str


Document = Session | Subscription | Invoice | Refund | Dispute | Bare


class Told(msgspec.Struct, gc=False):
    """An event on the wire. `created` is in the resolution of the dialect."""

    id: str
    type: str
    created: int
    account: str
    mode: str
    objects: list[Document]


ENDED = ("canceled", "incomplete_expired")
