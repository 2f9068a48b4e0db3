"""Pulling: a catalog in code, from what an account sells already. For those who start in a dashboard."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from purchase_core.money import Money
from purchase_core.ports.provider import ListedPrice, ListedProduct
from purchase_core.rollout.provider_catalog import ProviderCatalog

HEAD = '''"""What is sold, as it was found at {connection} ({plugin} {account}). Look it over: it says what is
paid, and not what that grants."""

from purchase_core import Catalog, Money, one_time, plan, subscription

catalog = Catalog(
'''
RHYTHMS = {"day": "daily", "week": "weekly", "month": "monthly", "year": "yearly"}
_OTHER = re.compile(r"[^a-z0-9]+")
ID_CHARACTERS_MAX = 50


def pulled(listed: ProviderCatalog) -> str:
    """The code. What is another application's is left out, and so is what no catalog can say."""
    taken: set[str] = set()
    text = HEAD.format(
        connection=listed.connection.name,
        plugin=listed.connection.plugin,
        account=listed.account or "account",
    )
    for product in listed.products:
        prices = [one for one in listed.prices if one.product == product.id and one.active]
        if product.active and not listed.theirs(product.mark):
            text += "".join(_product(listed, product, prices, taken))
    return text + ")\n"


def _product(
    listed: ProviderCatalog, product: ListedProduct, prices: Sequence[ListedPrice], taken: set[str]
) -> Iterable[str]:
    sold = [one for one in prices if not listed.theirs(one.mark) and one.unit_amount]
    for one in prices:
        if one not in sold:
            yield f"    # {_quoted(product.name)}: price {one.id} has no single amount above zero\n"
    for kind, chosen in (
        ("subscription", [one for one in sold if one.interval]),
        ("one_time", [one for one in sold if not one.interval]),
    ):
        if chosen:
            identifier = _unique(_slug(product.name) or "product", taken)
            plans: set[str] = set()
            yield f"    {kind}(\n        {_quoted(identifier)},\n        name={_quoted(product.name)},\n"
            yield "        plans=[\n"
            for one in chosen:
                yield _plan(listed, product, one, _unique(_rhythm(one), plans))
            yield "        ],\n    ),\n"


def _plan(listed: ProviderCatalog, product: ListedProduct, price: ListedPrice, identifier: str) -> str:
    parts = [_quoted(identifier), f"name={_quoted(product.name)}"]
    amounts = [Money.of_minor(price.unit_amount or 0, price.currency)]
    amounts += [Money.of_minor(one.unit_amount, one.currency) for one in price.overrides if not one.countries]
    if len(amounts) == 1:
        parts.append(f"price={_money(amounts[0])}")
    else:
        parts.append(f"prices=[{', '.join(map(_money, amounts))}]")
    countries = {
        country: Money.of_minor(one.unit_amount, one.currency)
        for one in price.overrides
        for country in one.countries
    }
    if countries:
        inside = ", ".join(f"{_quoted(code)}: {_money(amount)}" for code, amount in sorted(countries.items()))
        parts.append(f"countries={{{inside}}}")
    if price.interval:
        every = _quoted(price.interval)
        parts.append(f"every={every if price.interval_count == 1 else f'({price.interval_count}, {every})'}")
    if price.trial_days:
        parts.append(f"trial_days={price.trial_days}")
    if price.quantity_max is not None and price.quantity_max > 1:
        parts.append(f"quantity=(1, {price.quantity_max})")
    if price.tax_behavior:
        parts.append(f"tax={_quoted(price.tax_behavior)}")
    if product.tax_category and _slug(product.tax_category):
        parts.append(f"tax_category={_quoted(product.tax_category)}")
    parts.append(f"provider_ids={{{_quoted(listed.connection.name)}: {_quoted(price.id)}}}")
    inside = "".join(f"                {part},\n" for part in parts)
    return f"            plan(\n{inside}            ),\n"


def _money(amount: Money) -> str:
    return f"Money({_quoted(amount.decimal)}, {_quoted(amount.currency)})"


def _quoted(text: str) -> str:
    """As a literal of Python, whatever somebody has written into a dashboard."""
    return f'"{text}"' if text.isprintable() and not set(text) & set('"\\') else repr(text)


def _slug(text: str) -> str:
    return _OTHER.sub("_", text.casefold()).strip("_")[:ID_CHARACTERS_MAX]


def _rhythm(price: ListedPrice) -> str:
    if not price.interval:
        return "once"
    if price.interval_count == 1:
        return RHYTHMS.get(price.interval, price.interval)
    return f"every_{price.interval_count}_{price.interval}s"


def _unique(wanted: str, taken: set[str]) -> str:
    found, number = wanted, 2
    while found in taken:
        found, number = f"{wanted}_{number}", number + 1
    taken.add(found)
    return found
