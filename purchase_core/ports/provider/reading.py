"""What an adapter reads: a provider's JSON, strictly, into a `msgspec.Struct` of the fields that it needs.

Fields that the struct does not have are passed over: providers add some whenever they like.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from purchase_core.errors import MalformedBody
from purchase_core.facts.fact import object_key
from purchase_core.ports.provider.connection import Connection
from purchase_core.ports.provider.events import Event, Fetched
from purchase_core.strict_json import decode

FETCHED = "fetched"
"""Type of the events that objects are read as when they were fetched; they have no id."""

D = TypeVar("D", bound=msgspec.Struct)


class Identified(msgspec.Struct):
    """Any object of a provider: it has an id."""

    id: str


def read(body: bytes, kind: type[D]) -> D:
    """The document in some bytes. Raises MalformedBody, and nothing else."""
    return convert(decode(body), kind)


def read_raw(body: bytes, kind: type[D]) -> D:
    """A document some of whose parts stay as they came, to the byte (`msgspec.Raw`). Raises MalformedBody."""
    decode(body)  # for its checks, which hold for every part too
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError:
        raise MalformedBody(f"not a {kind.__name__.lower()}") from None


def convert(value: object, kind: type[D]) -> D:
    """A decoded value as a document. Raises MalformedBody, which names the place and quotes nothing."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise MalformedBody(f"not a {kind.__name__.lower()}: {_place(str(error))}") from None


def fetched_event(fetched: Fetched, connection: Connection, *, account: str, api_version: str) -> Event:
    """A fetched object as an event of type FETCHED. Raises MalformedBody, also for another object."""
    payload = decode(fetched.body)
    if convert(payload, Identified).id != fetched.id:
        raise MalformedBody("what was fetched is another object")
    return Event(
        id="",
        type=FETCHED,
        object=object_key(fetched.kind, connection.name, fetched.id),
        occurred_at=fetched.order,
        account=account,
        mode=connection.mode,
        api_version=api_version,
        payload=payload,
    )


def _place(message: str) -> str:
    # msgspec ends its messages with " - at `$.path`"; what stands before may quote a value.
    _, found, place = message.rpartition(" - at ")
    return f"something is wrong at {place}" if found else "a field is missing or of the wrong kind"
