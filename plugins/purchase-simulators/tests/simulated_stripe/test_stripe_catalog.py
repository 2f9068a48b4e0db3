"""Customers and what is sold, through Stripe's own SDK.

Sources as in `test_stripe_calls.py`.
"""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from .rig import Rig, client, on_stripe, refused


@on_stripe
async def test_emails_are_not_unique_and_compared_exactly(rig: Rig) -> None:
    """API, customers: e-mails are not unique; the list's filter is case-sensitive, and up to date."""
    ana, other = await rig.customer(), await rig.customer()
    assert ana.id != other.id
    found = (await rig.v.customers.list_async({"email": "ana@example.com"})).data
    assert [one.id for one in found] == [other.id, ana.id]
    assert not (await rig.v.customers.list_async({"email": "Ana@example.com"})).data


@on_stripe
async def test_search_does_not_find_what_was_just_written(rig: Rig) -> None:
    """docs, search: data is searchable in under a minute; not for read-after-write."""
    made = await rig.customer(metadata={"org": "o1"})
    query = {"query": "metadata['org']:'o1'"}
    assert not (await rig.v.customers.search_async(query)).data
    rig.stripe.advance(seconds=60)
    assert [one.id for one in (await rig.v.customers.search_async(query)).data] == [made.id]


@on_stripe
async def test_metadata_is_merged_and_bounded(rig: Rig) -> None:
    """API, metadata: 50 keys of 40 characters, values of 500; empty values unset."""
    made = await rig.customer(metadata={"a": "1", "b": "2"})
    after = await rig.v.customers.update_async(made.id, {"metadata": {"a": "", "c": "3"}})
    assert after.metadata.to_dict() == {"b": "2", "c": "3"}
    for metadata in ({"k" * 41: "x"}, {"k": "x" * 501}, {f"k{number}": "x" for number in range(51)}):
        with pytest.raises(stripe.InvalidRequestError):
            await rig.customer(metadata=metadata)


@on_stripe
async def test_a_product_of_an_own_id_is_made_once(rig: Rig) -> None:
    """API, create a product: `id` may be given; a second one of it is refused."""
    assert (await rig.v.products.create_async({"name": "a", "id": "own"})).id == "own"
    await refused(rig.v.products.create_async({"name": "a", "id": "own"}), code="resource_already_exists")


@on_stripe
async def test_only_a_product_without_prices_is_deleted(rig: Rig) -> None:
    """API, delete a product."""
    price = await rig.price()
    await refused(rig.v.products.delete_async(price.product))
    bare = await rig.v.products.create_async({"name": "bare"})
    assert (await rig.v.products.delete_async(bare.id)).deleted


@on_stripe
async def test_a_price_never_changes_what_it_costs(rig: Rig) -> None:
    """API, update a price: amount, currency and interval are not among its parameters."""
    price = await rig.price()
    for asked in ({"unit_amount": 5}, {"currency": "eur"}, {"recurring": {"interval": "year"}}):
        (name,) = asked
        await refused(rig.v.prices.update_async(price.id, asked), code="parameter_unknown", param=name)
    assert not (await rig.v.prices.update_async(price.id, {"active": False})).active


@on_stripe
async def test_a_lookup_key_moves_to_the_new_price_at_once(rig: Rig) -> None:
    """API, create a price: `transfer_lookup_key` takes it from the price that has it, atomically."""
    old = await rig.price(lookup_key="pro")
    await refused(_priced(rig, old.product, lookup_key="pro"), code="resource_already_exists")
    new = await _priced(rig, old.product, lookup_key="pro", transfer_lookup_key=True)
    assert [one.id for one in (await rig.v.prices.list_async({"lookup_keys": ["pro"]})).data] == [new.id]
    assert (await rig.v.prices.retrieve_async(old.id)).lookup_key is None
    await refused(rig.v.prices.list_async({"lookup_keys": [str(one) for one in range(11)]}))
    await refused(_priced(rig, old.product, lookup_key="k" * 201), param="lookup_key")


async def _priced(rig: Rig, product: str, **more: Any) -> Any:
    return await rig.v.prices.create_async({"product": product, "currency": "usd", "unit_amount": 1, **more})


@on_stripe
async def test_currency_options_are_shown_when_they_are_expanded(rig: Rig) -> None:
    """API, the price object: `currency_options` is expandable; a session can be in any of the currencies."""
    price = await rig.price(currency_options={"eur": {"unit_amount": 1_100}})
    assert "currency_options" not in price
    shown = await rig.v.prices.retrieve_async(price.id, {"expand": ["currency_options"]})
    assert shown.currency_options["eur"].unit_amount == 1_100
    session = await rig.session(price, await rig.customer(), currency="eur")
    assert (session.currency, session.amount_total) == ("eur", 1_100)
    await refused(rig.session(price, await rig.customer(), currency="gbp"), param="line_items[0][price]")


@on_stripe
async def test_a_price_is_put_aside_and_never_deleted(rig: Rig) -> None:
    """API, prices: there is no call that deletes one."""
    price = await rig.price()
    raw: Any = client(rig.stripe.url)
    await refused(raw.raw_request_async("delete", f"/v1/prices/{price.id}"), 404)


@on_stripe
async def test_a_customer_is_found_by_email_at_once(rig: Rig) -> None:
    """API, list customers: `email` reads what was just written, and search does not."""
    made = await rig.customer(email="new@example.com")
    found = (await rig.v.customers.list_async({"email": "new@example.com"})).data
    assert [one.id for one in found] == [made.id]
