"""The prefix of table names: the one thing of an application's that becomes part of a statement's text."""

from __future__ import annotations

import re

from purchase_core.errors import InvalidArgument

PREFIX_CHARACTERS_MAX = 48
RESERVED = ("sqlite_", "_cf_")  # names that SQLite and D1 keep for themselves

_PREFIX = re.compile(r"[a-z_][a-z0-9_]{0,47}")
_MARK = "{prefix}"


def checked_prefix(prefix: str) -> str:
    """The prefix, if it can only ever be part of an identifier; "" is none. Raises InvalidArgument.

    Lower-case ASCII letters, digits and underscores, not beginning with a digit.
    """
    if prefix == "":
        return prefix
    # fullmatch: with `$`, a line break at the end would pass.
    if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
        raise InvalidArgument(
            f"a table prefix is 1 to {PREFIX_CHARACTERS_MAX} of a-z, 0-9 and _, and begins with no digit",
            hint="For example: prefix = 'purchase_'",
        )
    if prefix.startswith(RESERVED):
        raise InvalidArgument(f"a table prefix does not begin with {' or '.join(RESERVED)}")
    return prefix


def with_prefix(text: str, prefix: str) -> str:
    """A shipped text with its marks replaced; they stand inside quoted identifiers only."""
    return text.replace(_MARK, checked_prefix(prefix))
