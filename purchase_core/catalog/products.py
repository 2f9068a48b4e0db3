"""Plans and products, as an application declares them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import attrs

from purchase_core.calendar import Interval, Unit
from purchase_core.catalog.grants import Grant
from purchase_core.errors import InvalidArgument
from purchase_core.money import Money

ProductKind: TypeAlias = Literal["subscription", "one_time", "credit_pack"]
Tax: TypeAlias = Literal["", "inclusive", "exclusive"]
Every: TypeAlias = Unit | tuple[int, Unit]

QUANTITY_MAX = 1_000_000


@attrs.frozen
class CountryPrice:
    """What a plan costs in one country (ISO 3166, two letters), instead of its other prices."""

    country: str
    price: Money


@attrs.frozen
class Plan:
    """One way to have a product. Made by `plan(...)`; checked with the catalog as a whole."""

    id: str
    name: str
    prices: tuple[Money, ...]
    interval: Interval | None
    trial_days: int
    quantity_min: int
    quantity_max: int
    group: str
    default: bool
    includes: tuple[Grant, ...]
    metadata: Mapping[str, str]
    provider_ids: Mapping[str, str]
    trial_card: bool
    tax: Tax
    tax_category: str
    countries: tuple[CountryPrice, ...] = ()


@attrs.frozen
class Product:
    """A product with its plans. Made by `subscription`, `one_time` or `credit_pack`."""

    id: str
    kind: ProductKind
    name: str
    plans: tuple[Plan, ...]


def plan(
    plan_id: str,
    *,
    name: str = "",
    price: Money | None = None,
    prices: Sequence[Money] = (),
    every: Every | None = None,
    trial_days: int = 0,
    quantity: tuple[int, int] = (1, 1),
    group: str = "",
    default: bool = False,
    includes: Sequence[Grant] = (),
    metadata: Mapping[str, str] | None = None,
    provider_ids: Mapping[str, str] | None = None,
    trial_card: bool = True,
    tax: Tax = "",
    tax_category: str = "",
    countries: Mapping[str, Money] | None = None,
) -> Plan:
    """A plan of a product.

    `price` or `prices` (one a currency; none: free); `every`: "month", or (3, "month"); `quantity`: least
    and most that one checkout may buy; `group`: plans of which a customer has one at a time ("" = those of
    the product); `default`: everyone has it who has nothing else of its group; `provider_ids`: prices that
    exist already, by connection; `trial_card`: whether a trial asks for a card; `tax`: whether prices hold
    the tax already ("" = as each provider account is set up); `tax_category`: a provider's word for what is
    sold, where it needs one; `countries`: what it costs in some countries instead, where a provider can do
    that, as in {"DE": Money("11.00", "EUR")}.
    """
    if price is not None and prices:
        raise InvalidArgument(f"plan {plan_id!r}: give price or prices, not both")
    return Plan(
        id=plan_id,
        name=name or plan_id,
        prices=(price,) if price is not None else tuple(prices),
        interval=_interval(every),
        trial_days=trial_days,
        quantity_min=quantity[0],
        quantity_max=quantity[1],
        group=group,
        default=default,
        includes=tuple(includes),
        metadata=dict(metadata or {}),
        provider_ids=dict(provider_ids or {}),
        trial_card=trial_card,
        tax=tax,
        tax_category=tax_category,
        countries=tuple(CountryPrice(*one) for one in sorted((countries or {}).items())),
    )


def subscription(product_id: str, *, plans: Sequence[Plan], name: str = "") -> Product:
    """Something paid again and again."""
    return Product(product_id, "subscription", name or product_id, tuple(plans))


def one_time(product_id: str, *, plans: Sequence[Plan], name: str = "") -> Product:
    """Something paid once and kept."""
    return Product(product_id, "one_time", name or product_id, tuple(plans))


def credit_pack(product_id: str, *, plans: Sequence[Plan], name: str = "") -> Product:
    """Credits paid in advance."""
    return Product(product_id, "credit_pack", name or product_id, tuple(plans))


def _interval(every: Every | None) -> Interval | None:
    if every is None:
        return None
    return Interval(every) if isinstance(every, str) else Interval(every[1], every[0])
