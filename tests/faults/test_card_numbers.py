"""T14: no field takes a card number, and one that stands in a payload gets no further than its body."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import attrs
import msgspec

import purchase_core
from purchase_core.records.delivery import DONE
from purchase_core.testing.memory_store import MemoryDatabase
from purchase_sql import schema
from tests.faults.shop import Shop, run

PAN = "4242424242424242"
OF_CARDS = re.compile(r"(?:^|_)(?:cards?|cardholder|pan|cvc|cvv|iban)(?:_|$)")
WHETHER = {"trial_card", "trial_without_card"}  # whether the provider asks for one before a trial
ASIDE = ("purchase_core.testing.", "purchase_core.cli.", "purchase_core.frameworks.")


def fields() -> Iterator[str]:
    """Every field of what the core takes, keeps or hands to a provider, and every column."""
    for module in pkgutil.walk_packages(purchase_core.__path__, "purchase_core."):
        if module.name.startswith(ASIDE):
            continue
        for one in vars(importlib.import_module(module.name)).values():
            if isinstance(one, type) and issubclass(one, msgspec.Struct):
                yield from (f"{one.__name__}.{name}" for name in one.__struct_fields__)
            elif isinstance(one, type) and attrs.has(one):
                yield from (f"{one.__name__}.{field.name}" for field in attrs.fields(one))
    for table in schema.metadata.sorted_tables:
        yield from (f"{table.name}.{column.name}" for column in table.columns)


def test_t14_no_field_and_no_column_is_for_a_card() -> None:
    found = set(fields())
    assert found >= {"InvoiceSeen.currency", "CheckoutRequest.price", "RefundWish.amount"}
    assert any(name.endswith("deliveries.body") for name in found)
    names = {one.rpartition(".")[2] for one in found}
    assert {name for name in names if OF_CARDS.search(name)} == WHETHER


def with_a_card(body: bytes) -> bytes:
    """The event, with a card number wherever somebody could write one."""
    event: dict[str, Any] = json.loads(body)
    about = event["data"]["object"]
    card = {"card_number": PAN, "payment_method": {"card": {"number": PAN}}, "description": f"paid by {PAN}"}
    about.update(card, metadata={**about["metadata"], "note": PAN, PAN: "x"})
    for line in about.get("lines", ()):
        line.update(card)
    return json.dumps({**event, **card}).encode()


def test_t14_a_card_number_in_a_payload_is_in_its_body_and_nowhere_else() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.buy()
            receipts = [await shop.take(with_a_card(one.body)) for one in shop.webhooks()]
            assert {one.status for one in receipts} == {DONE}
            assert (await shop.rights()).has("export")
            kept = {
                one.name: repr(getattr(shop.memory, one.name))
                for one in attrs.fields(MemoryDatabase)
                if one.name != "deliveries"
            }
            assert "sub_" in kept["rows"], "there is something to look through"
            assert [name for name, text in kept.items() if PAN in text] == []
            without = [msgspec.structs.replace(one, body=b"") for one in shop.memory.deliveries.values()]
            assert PAN not in repr(without)
            assert PAN not in repr(receipts)

    run(work)
