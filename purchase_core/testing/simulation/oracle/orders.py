"""What the application has ordered, and by which rules rights follow: plain values, handed to the oracle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from purchase_core.catalog.versions import OfferVersion


@attrs.frozen
class Order:
    """A checkout that was acknowledged. `owner`: whose it is now; "" for a guest that has claimed nothing.

    `replaces`: the key of the subscription whose place it is to take ("": none).
    """

    intent: str
    owner: str
    offer: OfferVersion
    quantity: int
    currency: str
    replaces: str = ""

    @property
    def unit_amount(self) -> int:
        """What one costs."""
        return next(price.minor for price in self.offer.prices if price.currency == self.currency)


@attrs.frozen
class Rules:
    """The access policy's rules for one product, in microseconds."""

    slack: int
    grace: int
    paused_grants: bool
    uncollected_grants: bool
    revoke_on_partial_refund: bool


@attrs.frozen
class Terms:
    """Everything about the application that is no event: what it sells, and its rules.

    `versions` are by hash, `rules` by product ("" for all others), `owners` says to which customer a payer of
    an account (connection, id) is tied.
    """

    versions: Mapping[str, OfferVersion]
    defaults: Sequence[OfferVersion]
    rules: Mapping[str, Rules]

    def of(self, product: str) -> Rules:
        """The rules of a product."""
        return self.rules.get(product, self.rules[""])
