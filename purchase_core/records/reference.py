"""References: what a provider's identifiers mean to us. Never overwritten with another meaning."""

from __future__ import annotations

from purchase_core.instants import Instant
from purchase_core.values import Value


class Reference(Value, frozen=True):
    """Object `object` (kind:connection:provider id) belongs to `lane`, in the cluster `root`.

    The pair moves only when clusters join or a lane is linked; an object never changes its customer.
    """

    object: str
    lane: str
    root: str = ""


TRIAL = "trial"  # the variant of a price that begins with its offer's trial


class PriceReference(Value, frozen=True):
    """A price at a provider stands for one version of one offer, for ever. `ended_at`: sold no more.

    One price may serve several currencies at some providers; there is a reference for each then. Where trials
    belong to prices, a version has a price of the variant TRIAL, and one without.
    """

    connection: str
    price: str
    offer: str
    version: str
    currency: str
    created_at: Instant
    ended_at: Instant | None = None
    variant: str = ""
