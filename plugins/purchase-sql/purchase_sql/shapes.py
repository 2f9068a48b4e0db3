"""Which attributes of a stored class are columns, in which order, and how to take them out quickly."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import fields

from purchase_core.ports.store import TABLES
from purchase_core.records.delivery import Delivery
from purchase_core.records.effect import Effect
from purchase_core.records.mailbox import Mailbox, Told
from purchase_core.records.reference import PriceReference, Reference

Value: TypeAlias = str | int | bytes | None
"""What a parameter or a column holds. Flags are 0 and 1."""


def columns(cls: type[Struct]) -> tuple[str, ...]:
    """Names of the columns of a class: its attributes."""
    return cls.__struct_fields__


def flags(cls: type[Struct]) -> tuple[int, ...]:
    """Places of the attributes that are true or false, which not every database tells from 1 and 0."""
    return tuple(place for place, one in enumerate(fields(cls)) if one.type is bool)


DELIVERY_COLUMNS = (*(name for name in columns(Delivery) if name != "body"), "body")
"""The body comes last, so that lists can leave it out."""

MAILBOX_COLUMNS = columns(Mailbox)

# In the order in which `decode` takes them.
LANE_COLUMNS = ("lane", "version", "document", "linked_to", "reducer", "erased")
REFERENCE_COLUMNS = ("object", "lane", "root")
CLUSTER_COLUMNS = ("root", "lane", "registers")
FACT_COLUMNS = (
    "position",
    "object",
    "kind",
    "seen_at",
    "digest",
    "final",
    "body",
    "lane",
    "recorded_at",
    "cause",
)

ROW_COLUMNS: dict[type[object], tuple[str, ...]] = {one: columns(one) for one in TABLES}
ROW_FLAGS: dict[type[object], tuple[int, ...]] = {one: flags(one) for one in TABLES}

# attrgetter takes all of them in one call.
values_of_row: dict[type[object], Callable[[object], tuple[Value, ...]]] = {
    one: attrgetter(*names) for one, names in ROW_COLUMNS.items()
}
values_of_reference: Callable[[Reference], tuple[Value, ...]] = attrgetter(*columns(Reference))
values_of_price: Callable[[PriceReference], tuple[Value, ...]] = attrgetter(*columns(PriceReference))
values_of_effect: Callable[[Effect], tuple[Value, ...]] = attrgetter(*columns(Effect))
values_of_told: Callable[[Told], tuple[Value, ...]] = attrgetter(*columns(Told))
