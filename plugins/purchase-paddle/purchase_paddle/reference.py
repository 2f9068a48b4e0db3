"""Our reference, where Paddle lets us write it: in custom_data, and in the reason of a refund.

Whoever wrote it, it must be something that can be stored, and ours only with our project and environment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from purchase_core.errors import InvalidArgument, MalformedBody
from purchase_core.identifiers import ID_CHARACTERS_MAX
from purchase_core.ports.provider import COMMAND, Connection, OurReference, RefundReason
from purchase_core.text import identifier

REASONS = {
    RefundReason.REQUESTED: "Requested by the customer",
    RefundReason.DUPLICATE: "A duplicate payment",
    RefundReason.FRAUDULENT: "A fraudulent payment",
}
_REASON = re.compile(
    r".{0,1000} \[purchase ([^\s\]/]{1,255})/([^\s\]/]{1,255})/([^\s\]]{1,255})\]", re.DOTALL
)


def ours(data: Mapping[str, object] | None, connection: Connection) -> OurReference:
    """Our reference in custom_data. Raises MalformedBody for our names with values that are not ours."""
    found = OurReference.read(data, connection)
    _check(found.intent, found.attempt, found.customer, found.version, found.command)
    return found


def reason(why: RefundReason, command: str, connection: Connection) -> str:
    """The reason of a refund, with our command in it."""
    mark = f"{_word(connection.project)}/{_word(connection.environment)}/{_word(command)}"
    return f"{REASONS[why]} [purchase {mark}]" if command else REASONS[why]


def command_in(text: str, connection: Connection) -> str:
    """Our command in the reason of a refund; "" for none, or another project's."""
    matched = _REASON.fullmatch(text)
    if not matched or matched.group(1, 2) != (_word(connection.project), _word(connection.environment)):
        return ""
    command = _unword(matched[3])
    _check(command)
    return command


def _check(*texts: str) -> None:
    for text in texts:
        try:
            if text:
                identifier("our reference", text, characters_max=ID_CHARACTERS_MAX)
        except InvalidArgument:
            raise MalformedBody("the reference has our names, and values that are not ours") from None


def _word(text: str) -> str:
    """The text without anything that would end the mark; and back."""
    return "".join(one if one.isalnum() or one in "-_.:" else f"%{ord(one):06x}" for one in text)


def _unword(word: str) -> str:
    try:
        return re.sub(r"%([0-9a-f]{6})", lambda one: chr(int(one[1], 16)), word)
    except (ValueError, OverflowError):
        raise MalformedBody("the reference has a letter that there is not") from None


__all__ = ["COMMAND", "command_in", "ours", "reason"]
