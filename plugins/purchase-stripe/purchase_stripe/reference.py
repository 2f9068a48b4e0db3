"""Our reference, where Stripe lets us write it: in the metadata of every object that a sale makes."""

from __future__ import annotations

from collections.abc import Mapping

from purchase_core.errors import InvalidArgument, MalformedBody
from purchase_core.identifiers import ID_CHARACTERS_MAX
from purchase_core.ports.provider import Connection, OurReference
from purchase_core.text import identifier


def ours(metadata: Mapping[str, str] | None, connection: Connection) -> OurReference:
    """Our reference in the metadata. Raises MalformedBody for our names with values that are not ours."""
    found = OurReference.read(metadata, connection)
    for text in (found.intent, found.attempt, found.customer, found.version, found.command):
        try:
            if text:
                identifier("our reference", text, characters_max=ID_CHARACTERS_MAX)
        except InvalidArgument:
            raise MalformedBody("the metadata has our names, and values that are not ours") from None
    return found
