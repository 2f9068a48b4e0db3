"""Comparing: what the catalog needs at one connection, against what is there. The steps between, and doubts.

Nothing that is another project's is touched, nothing that is there is made again, and nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import attrs

from purchase_core.catalog.versions import OfferVersion
from purchase_core.ports.provider import (
    ListedPrice,
    ListedProduct,
    PriceRequest,
    ProductRequest,
)
from purchase_core.rollout.matching import (
    ANSWERED,
    LIKELY,
    MARK,
    RECORD,
    alike,
    differences,
    matched,
    terms,
)
from purchase_core.rollout.plan import Choice, Doubt, Notice, Step
from purchase_core.rollout.price_words import described, shown
from purchase_core.rollout.provider_catalog import ProviderCatalog
from purchase_core.rollout.terms import in_currencies, price_requests
from purchase_core.routing.problems import needs_of

ON_SALE, ARCHIVED = "on sale", "archived"
NEW, RENAME, REPLACE = "new", "rename", "replace"


@attrs.define
class Compared:
    """What came of it. `requests` are those that steps on prices and products need, by their goal."""

    steps: list[Step] = attrs.Factory(list)
    doubts: list[Doubt] = attrs.Factory(list)
    notices: list[Notice] = attrs.Factory(list)
    prices: dict[str, PriceRequest] = attrs.Factory(dict)
    products: dict[str, ProductRequest] = attrs.Factory(dict)


def compare(
    listed: ProviderCatalog,
    offers: Mapping[str, OfferVersion],
    lookup: Callable[[PriceRequest], str],
    *,
    named: Mapping[str, str],
    answers: Mapping[str, str],
) -> Compared:
    """The steps that bring a connection to these offers.

    `lookup` is the adapter's name for a price; `named` are prices that the catalog names, by offer.
    """
    return _Comparison(listed, offers, lookup, named, answers).run()


def unsold(version: OfferVersion, listed: ProviderCatalog) -> str:
    """Why an offer is not sold at a connection; "" if it is."""
    lacking = [one.value for one in needs_of(version) if one not in listed.capabilities]
    if lacking:
        return f"has no {', '.join(lacking)}"
    if not any(in_currencies(price.currency, listed.capabilities) for price in version.prices):
        return f"does not sell in {', '.join(price.currency for price in version.prices)}"
    return ""


class _Comparison:
    def __init__(
        self,
        listed: ProviderCatalog,
        offers: Mapping[str, OfferVersion],
        lookup: Callable[[PriceRequest], str],
        named: Mapping[str, str],
        answers: Mapping[str, str],
    ) -> None:
        self.listed = listed
        self.name = listed.connection.name
        self.lookup = lookup
        self.named = named
        self.answers = answers
        self.found = Compared()
        self.offers = {offer: one for offer, one in offers.items() if one.prices and self._sold(one)}
        self.kept_products: dict[str, str] = {}  # product id: offer
        self.kept_prices: set[str] = set()

    def run(self) -> Compared:
        renamed = self._renamed()
        for offer, version in self.offers.items():
            self._offer(offer, version, renamed.get(offer))
        self._unwanted_prices()
        self._unwanted_products()
        self._lost_records()
        return self.found

    def _sold(self, version: OfferVersion) -> bool:
        why = unsold(version, self.listed)
        if why:
            self.found.notices.append(Notice(self.name, version.offer, f"not sold here: {why}"))
        return not why

    # --- an offer --------------------------------------------------------------------------------

    def _offer(self, offer: str, version: OfferVersion, renamed: ListedProduct | None) -> None:
        named = self.named.get(offer, "")
        requests = list(price_requests(version, self.listed.capabilities))
        found: list[tuple[PriceRequest, ListedPrice | None, str]] = []
        for request in requests:
            price, how = matched(self.listed, request, self.lookup(request), named)
            if price is None:
                price, how = self._alike(version, request)
            if price is not None:
                self.kept_prices.add(price.id)
            found.append((request, price, how))
        product, how = self._product(offer, [price for _, price, _ in found if price], renamed)
        # Made by hand, several offers may be one product: a product of its own is made with its next price.
        if product is not None or any(price is None for _, price, _ in found):
            self._product_step(offer, version, product, how)
        for request, price, how in found:
            self._price_step(request, price, how)

    def _product(
        self, offer: str, prices: Sequence[ListedPrice], renamed: ListedProduct | None
    ) -> tuple[ListedProduct | None, str]:
        """The product of an offer, and how it was recognised."""
        listed = self.listed
        marked = [one for one in listed.products if listed.ours(one.mark) and _offer(one) == offer]
        if marked:
            of_prices = {price.product for price in prices}
            return min(marked, key=lambda one: (one.id not in of_prices, not one.active, one.id)), MARK
        if renamed is not None:
            return renamed, ANSWERED
        own = [price for price in listed.prices if listed.is_ours(price) and listed.offer_of(price) == offer]
        for price in (*prices, *own):
            product = listed.product.get(price.product)
            free = product is not None and product.id not in self.kept_products
            if product is not None and free and not listed.theirs(product.mark) and not _offer(product):
                return product, RECORD
        return None, ""

    def _product_step(
        self, offer: str, version: OfferVersion, product: ListedProduct | None, how: str
    ) -> None:
        goal = f"product:{self.name}:{offer}"
        self.found.products[goal] = ProductRequest(offer, version.name, version.tax_category)
        if product is None:
            self._step(goal, "create", "product", offer, after=version.name)
            return
        self.kept_products[product.id] = offer
        if how == RECORD:
            self._step(goal, "adopt", "product", offer, object=product.id, after=version.name, confidence=how)
            return
        changed = [
            ("name", product.name, version.name),
            ("active", _state(product.active), ON_SALE),
            ("tax category", product.tax_category, version.tax_category or product.tax_category),
            ("mark", _offer(product), offer),
        ]
        differing = [one for one in changed if one[1] != one[2]]
        if differing:
            known = self.listed.applied.get(offer)
            drift = how == MARK and not (
                [name for name, *_ in differing] == ["name"] and (known is None or known.name == product.name)
            )
            self._step(
                goal, "update", "product", offer, object=product.id,
                fields=tuple(name for name, *_ in differing),
                before=", ".join(before for _, before, _ in differing),
                after=", ".join(after for *_, after in differing),
                drift=drift, confidence=how if how == ANSWERED else "",
            )  # fmt: skip

    # --- a price ---------------------------------------------------------------------------------

    def _price_step(self, request: PriceRequest, price: ListedPrice | None, how: str) -> None:
        goal = self._goal(request)
        self.found.prices[goal] = request
        words = {"version": request.version, "currency": request.currency, "variant": request.variant}
        after = described(request)
        if price is None:
            act = "replace" if self._earlier(request) else "create"
            before = ", ".join(dict.fromkeys(shown(one) for one in self._earlier(request)))
            self._step(goal, act, "price", request.offer, before=before, after=after, **words)
            return
        listed = self.listed
        words["object"] = price.id
        recorded = price.id in listed.on_sale
        if not recorded and not listed.ours(price.mark):
            ended = price.id in listed.recorded
            act = "reinstate" if ended else "adopt"
            self._step(goal, act, "price", request.offer, after=after, confidence=how, **words)
            return
        if not price.active and not recorded:
            self._step(goal, "reinstate", "price", request.offer, after=after, **words)
            return
        fields = differences(listed, request, price)
        if not price.active:
            fields.append("active")
        if not listed.ours(price.mark) or _version(price) != request.version:
            fields.append("mark")
        wanted = self.lookup(request)
        if wanted and price.lookup != wanted:
            fields.append("lookup key")
        missing = not self._recorded_for(request, price)
        if fields:
            self._step(
                goal, "update", "price", request.offer, fields=tuple(fields), before=shown(price),
                after=after, drift=True, holders=listed.holders_of(request.version, price.currencies),
                **words,
            )  # fmt: skip
        elif missing:
            self._step(goal, "link", "price", request.offer, after=after, **words)

    def _recorded_for(self, request: PriceRequest, price: ListedPrice) -> bool:
        sold = {one.currency for one in self.listed.recorded.get(price.id, ()) if one.ended_at is None}
        return sold >= set(request.currencies)

    def _earlier(self, request: PriceRequest) -> list[ListedPrice]:
        """Prices of ours that are sold of another version of the same offer, in the same currency."""
        return [
            price
            for price in self.listed.prices
            if self.listed.is_ours(price)
            and price.active
            and self.listed.offer_of(price) == request.offer
            and self.listed.version_of(price) != request.version
            and price.currency == request.currency
        ]

    def _alike(self, version: OfferVersion, request: PriceRequest) -> tuple[ListedPrice | None, str]:
        """A price that was made by hand, if somebody has said that it is the one; else a doubt."""
        found = [one for one in alike(request, version.name, self.listed) if one.id not in self.kept_prices]
        if not found:
            return None, ""
        question = f"{self.name}:{request.offer}:{request.currency}"
        question += f":{request.variant}" if request.variant else ""
        answer = self.answers.get(question, "")
        for price in found:
            if answer == price.id:
                return price, ANSWERED
        if answer != NEW:
            choices = [Choice(one.id, f"adopt {shown(one)}", LIKELY) for one in found]
            self.found.doubts.append(
                Doubt(
                    question,
                    self.name,
                    request.offer,
                    f"is {request.offer} ({described(request)}) what is there already, made by hand?",
                    (*choices, Choice(NEW, "no: make another")),
                )
            )
        return None, ""

    # --- renamed offers --------------------------------------------------------------------------

    def _renamed(self) -> dict[str, ListedProduct]:
        """Products whose offer has another id now, by the new one, as far as somebody has said so."""
        gone = [
            one
            for one in self.listed.products
            if one.active and self.listed.ours(one.mark) and _offer(one) and _offer(one) not in self.offers
        ]
        there = {_offer(one) for one in self.listed.products if self.listed.ours(one.mark)}
        found: dict[str, ListedProduct] = {}
        for offer, version in self.offers.items():
            for product in gone if offer not in there else ():
                likely = product not in found.values() and self._might_be(version, product)
                if likely and self._asked_whether_renamed(offer, _offer(product)):
                    found[offer] = product
                    break
        return found

    def _might_be(self, version: OfferVersion, product: ListedProduct) -> bool:
        wanted = {tuple(terms(one)) for one in price_requests(version, self.listed.capabilities)}
        sold = {
            (price.unit_amount, price.currency, price.interval, price.interval_count)
            for price in self.listed.prices
            if price.product == product.id and price.active
        }
        return bool(wanted & sold)

    def _asked_whether_renamed(self, offer: str, old: str) -> bool:
        question = f"{self.name}:{old}->{offer}"
        answer = self.answers.get(question, "")
        if answer not in (RENAME, REPLACE):
            self.found.doubts.append(
                Doubt(
                    question,
                    self.name,
                    offer,
                    f"is {offer} the same as {old}, under another id?",
                    (
                        Choice(RENAME, "yes: its product is renamed, and holders of the old keep it"),
                        Choice(REPLACE, "no: the old one is archived, and the new one made"),
                    ),
                )
            )
        return answer == RENAME

    # --- what is not wanted any more -------------------------------------------------------------

    def _unwanted_prices(self) -> None:
        listed = self.listed
        for price in listed.prices:
            if price.id in self.kept_prices or not listed.is_ours(price):
                continue
            if not price.active and price.id not in listed.on_sale:
                continue
            offer, version = listed.offer_of(price), listed.version_of(price)
            self._step(
                f"archive:price:{self.name}:{price.id}",
                "retire" if offer in self.offers else "archive",
                "price",
                offer,
                version=version,
                currency=price.currency,
                variant=listed.variant_of(price),
                object=price.id,
                before=shown(price),
                holders=listed.holders_of(version, price.currencies),
            )

    def _unwanted_products(self) -> None:
        listed = self.listed
        for product in listed.products:
            if product.id in self.kept_products or not (product.active and listed.ours(product.mark)):
                continue
            others = [
                price
                for price in listed.prices
                if price.product == product.id and price.active and not listed.is_ours(price)
            ]
            if others:
                text = f"kept: it has {len(others)} prices that are not ours"
                self.found.notices.append(Notice(self.name, product.id, text))
                continue
            goal = f"archive:product:{self.name}:{product.id}"
            self._step(goal, "archive", "product", _offer(product), object=product.id, before=product.name)

    def _lost_records(self) -> None:
        """Records of prices that another project has marked since, or that are gone from the account."""
        listed = self.listed
        for identifier in sorted(listed.on_sale):
            price = listed.price.get(identifier)
            if price is not None and not listed.theirs(price.mark):
                continue
            record = listed.recorded[identifier][0]
            why = "is gone from the account" if price is None else f"is of {_owner(price)}"
            self.found.notices.append(Notice(self.name, identifier, f"our record ends: the price {why}"))
            self._step(
                f"forget:price:{self.name}:{identifier}",
                "forget",
                "price",
                record.offer,
                version=record.version,
                currency=record.currency,
                variant=record.variant,
                object=identifier,
                before=why,
                holders=listed.holders_of(
                    record.version, {one.currency for one in listed.recorded[identifier]}
                ),
            )

    # --- words -----------------------------------------------------------------------------------

    def _goal(self, request: PriceRequest) -> str:
        parts = ("price", self.name, request.version, request.currency, request.variant)
        return ":".join(part for part in parts if part)

    def _step(self, goal: str, act: str, kind: str, offer: str, **more: object) -> None:
        self.found.steps.append(Step(goal, act, kind, self.name, offer, **more))  # type: ignore[arg-type]


def _offer(product: ListedProduct) -> str:
    return product.mark.offer if product.mark else ""


def _version(price: ListedPrice) -> str:
    return price.mark.version if price.mark else ""


def _owner(price: ListedPrice) -> str:
    return f"{price.mark.project}/{price.mark.environment}" if price.mark else "nobody"


def _state(active: bool) -> str:  # noqa: FBT001  # it has nothing else
    return ON_SALE if active else ARCHIVED


def ordered(steps: Iterable[Step]) -> Iterator[Step]:
    """Steps in the order in which they are done: what prices need before them, archiving last."""
    rank = {("product", False): 0, ("price", False): 1, ("price", True): 2, ("product", True): 3}
    going = ("retire", "archive", "forget")
    yield from sorted(steps, key=lambda one: (one.connection, rank[one.kind, one.act in going]))
