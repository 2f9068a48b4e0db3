"""The catalog as it is at a provider: its products and prices, our records of them, and who holds what."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property

import attrs

from purchase_core.catalog.versions import OfferVersion
from purchase_core.ports.provider import Capabilities, Connection, ListedPrice, ListedProduct, Mark
from purchase_core.records.reference import PriceReference


@attrs.frozen(slots=False)
class ProviderCatalog:
    """What one connection sells, as it was looked at.

    `references` are all of ours there, ended ones too; `holders` counts live agreements by offer version and
    the currency they pay in; `applied` is what was rolled out last, by offer.
    """

    connection: Connection
    account: str
    capabilities: Capabilities
    products: Sequence[ListedProduct]
    prices: Sequence[ListedPrice]
    references: Sequence[PriceReference]
    holders: Mapping[tuple[str, str], int]
    applied: Mapping[str, OfferVersion] = attrs.Factory(dict)
    requests: int = 0

    @cached_property
    def product(self) -> Mapping[str, ListedProduct]:
        """Products by id."""
        return {one.id: one for one in self.products}

    @cached_property
    def price(self) -> Mapping[str, ListedPrice]:
        """Prices by id."""
        return {one.id: one for one in self.prices}

    @cached_property
    def recorded(self) -> Mapping[str, Sequence[PriceReference]]:
        """Our records of each price, by its id."""
        found: dict[str, list[PriceReference]] = {}
        for one in self.references:
            found.setdefault(one.price, []).append(one)
        return found

    @cached_property
    def on_sale(self) -> frozenset[str]:
        """Ids of prices that our records say are sold."""
        return frozenset(one.price for one in self.references if one.ended_at is None)

    def ours(self, mark: Mark | None) -> bool:
        """Whether a mark is of this project and environment."""
        return mark is not None and mark.is_of(self.connection)

    def theirs(self, mark: Mark | None) -> bool:
        """Whether a mark is of another project or environment: then the object is never touched."""
        return mark is not None and not mark.is_of(self.connection)

    def is_ours(self, price: ListedPrice) -> bool:
        """Whether a price is ours: marked so, or recorded, unless another project has marked it."""
        return self.ours(price.mark) or (price.id in self.recorded and not self.theirs(price.mark))

    def version_of(self, price: ListedPrice) -> str:
        """The offer version that a price of ours stands for; our own records come first."""
        for one in self.recorded.get(price.id, ()):
            return one.version
        return price.mark.version if price.mark else ""

    def offer_of(self, price: ListedPrice) -> str:
        """The offer that a price of ours is of."""
        for one in self.recorded.get(price.id, ()):
            return one.offer
        return price.mark.offer if price.mark else ""

    def variant_of(self, price: ListedPrice) -> str:
        """Which variant of its version a price of ours is."""
        for one in self.recorded.get(price.id, ()):
            return one.variant
        return price.mark.variant if price.mark else ""

    def holders_of(self, version: str, currencies: Collection[str]) -> int:
        """Live agreements on a version that pay in one of these currencies.

        Who pays in one that no price of the version names may be on any of them, and is counted.
        """
        named = self._currencies.get(version, set[str]())
        return sum(
            count
            for (held, currency), count in self.holders.items()
            if held == version and (currency in currencies or currency not in named)
        )

    @cached_property
    def _currencies(self) -> Mapping[str, set[str]]:
        """What is paid in for each version, by the prices of it that are ours."""
        found: dict[str, set[str]] = {}
        for price in filter(self.is_ours, self.prices):
            found.setdefault(self.version_of(price), set()).update(price.currencies)
        return found

    @property
    def foreign(self) -> int:
        """How many products are another's."""
        own = {one.product for one in self.prices if self.is_ours(one)}
        return sum(not self.ours(one.mark) and one.id not in own for one in self.products)
