"""What documents are made of, and how they are read."""

from __future__ import annotations

from typing import Annotated, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

from purchase_core.errors import MalformedBody
from purchase_core.money import MINOR_MAX
from purchase_core.strict_json import decode

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


D = TypeVar("D", bound=msgspec.Struct)


def read(body: bytes, kind: type[D]) -> D:
    """The document in some bytes. Raises MalformedBody, and nothing else."""
    return convert(decode(body), kind)


def read_page(body: bytes) -> Page:
    """A page of a list. Raises MalformedBody."""
    decode(body)  # for its checks, which hold for every row too
    try:
        return msgspec.json.decode(body, type=Page)
    except msgspec.MsgspecError:
        raise MalformedBody("not a page of a list") from None


def convert(value: object, kind: type[D]) -> D:
    """A decoded value as a document. Raises MalformedBody, which names the place and quotes nothing."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise MalformedBody(f"not a {kind.__name__.lower()}: {_place(str(error))}") from None


def _place(message: str) -> str:
    # msgspec ends its messages with " - at `$.path`"; what stands before may quote a value.
    _, found, place = message.rpartition(" - at ")
    return f"something is wrong at {place}" if found else "a field is missing or of the wrong kind"
