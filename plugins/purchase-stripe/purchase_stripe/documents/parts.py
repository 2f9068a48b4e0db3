"""What documents are made of."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from purchase_core.money import MINOR_MAX

ITEMS_MAX = 1_000
SECOND_MAX = 253_402_300_799  # the end of the year 9999

# Whole strings only: `$` would let a line feed pass.
Id: TypeAlias = Annotated[str, Meta(pattern=r"\A[\x21-\x7e]{1,255}\Z")]
Word: TypeAlias = Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9_.]{0,99}\Z")]
Version: TypeAlias = Annotated[str, Meta(pattern=r"\A[\x21-\x7e]{1,64}\Z")]
Currency: TypeAlias = Annotated[str, Meta(pattern=r"\A[a-z]{3}\Z")]
Decimal: TypeAlias = Annotated[str, Meta(pattern=r"\A[0-9]{1,15}(\.[0-9]{1,12})?\Z")]
Url: TypeAlias = Annotated[str, Meta(pattern=r"\Ahttps?://[\x21-\x7e]{1,4096}\Z")]
Seconds: TypeAlias = Annotated[int, Meta(ge=0, le=SECOND_MAX)]
Amount: TypeAlias = Annotated[int, Meta(ge=0, le=MINOR_MAX)]
SignedAmount: TypeAlias = Annotated[int, Meta(ge=-MINOR_MAX, le=MINOR_MAX)]
Quantity: TypeAlias = Annotated[int, Meta(ge=0, le=MINOR_MAX)]
Metadata: TypeAlias = dict[str, str]
Unread: TypeAlias = dict[str, object]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an object."""


class Head(Part, frozen=True, kw_only=True):
    """What all objects have."""

    id: Id
    object: Word


Ref: TypeAlias = Id | Head
"""Something that may have been expanded."""


def name_of(ref: Ref | None) -> str:
    """The id of what a reference means, "" for nothing."""
    return "" if ref is None else ref if isinstance(ref, str) else ref.id


class Page(Part, frozen=True, kw_only=True):
    """A page of a list; each row is kept as it came."""

    data: list[msgspec.Raw]
    has_more: bool = False
