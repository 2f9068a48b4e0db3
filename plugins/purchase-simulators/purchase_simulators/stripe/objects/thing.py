"""What all objects have, and lists of them."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeAlias, TypeVar

import msgspec

Seconds: TypeAlias = int
Metadata: TypeAlias = dict[str, str]
Json: TypeAlias = dict[str, object]


def fixed(value: Json) -> Json:
    """The default of a field that holds an object which nobody changes."""
    default: Json = msgspec.field(default_factory=lambda: value)
    return default


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an object."""


class Thing(Wire, frozen=True, kw_only=True):
    """An object with an id. `noun` names it in refusals, `prefix` begins its ids."""

    noun: ClassVar[str]
    prefix: ClassVar[str]

    id: str


W = TypeVar("W")


class WireList(msgspec.Struct, Generic[W], frozen=True, kw_only=True):
    """A list inside an object."""

    object: str = "list"
    data: tuple[W, ...]
    has_more: bool = False
    url: str


class Hidden(Thing, frozen=True, kw_only=True):
    """Something that the account remembers and never shows, under the id of what it belongs to."""

    noun: ClassVar[str] = "memory"
    prefix: ClassVar[str] = ""
