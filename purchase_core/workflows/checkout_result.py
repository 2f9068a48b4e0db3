"""What a caller is told of a checkout that is open: the result of its command."""

from __future__ import annotations

import attrs
import msgspec

from purchase_core.instants import Instant
from purchase_core.records.command import Command
from purchase_core.workflows.order import decode_order


@attrs.frozen
class Checkout:
    """A checkout that the customer can be sent to. `id` is the intent; `receipt` names the receipt.

    `url` is "" where the provider showed the session later than it answered, by the id that a person gave.
    `claim` is a guest's token, by which they can claim later what they buy; it is shown to nobody else.
    """

    id: str
    receipt: str
    offer: str
    connection: str
    session: str
    url: str
    expires_at: Instant | None
    claim: str = attrs.field(default="", repr=False)


def checkout_said(command: Command, session: str) -> Checkout:
    """What a caller is told of a session that a person says is there: nobody knows its address."""
    order = decode_order(command.request)
    return Checkout(order.intent, command.id, order.wish.offer, order.connection, session, "", None)


def checkout_of(command: Command) -> Checkout:
    """What the caller was told."""
    return _CHECKOUT.decode(command.result)


_CHECKOUT = msgspec.json.Decoder(Checkout)
