"""Prefix and schema of tables: all there is of an application's that becomes part of a statement's text."""

from __future__ import annotations

import re

from purchase_core.errors import InvalidArgument

PREFIX_CHARACTERS_MAX = SCHEMA_CHARACTERS_MAX = 48
RESERVED = ("sqlite_", "_cf_")  # names that SQLite and D1 keep for themselves
RESERVED_SCHEMAS = ("pg_", "information_schema")  # and those that Postgres does

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,47}")
_MARK = "{prefix}"
_SCHEMA_MARK = "{schema}"


def checked_prefix(prefix: str) -> str:
    """The prefix, if it can only ever be part of an identifier; "" is none. Raises InvalidArgument.

    Lower-case ASCII letters, digits and underscores, not beginning with a digit.
    """
    if prefix == "":
        return prefix
    # fullmatch: with `$`, a line break at the end would pass.
    if not isinstance(prefix, str) or not _NAME.fullmatch(prefix):
        raise InvalidArgument(
            f"a table prefix is 1 to {PREFIX_CHARACTERS_MAX} of a-z, 0-9 and _, and begins with no digit",
            hint="For example: prefix = 'purchase_'",
        )
    if prefix.startswith(RESERVED):
        raise InvalidArgument(f"a table prefix does not begin with {' or '.join(RESERVED)}")
    return prefix


def checked_schema(schema: str) -> str:
    """The name of a schema, if it can only ever be an identifier; "" is none. Raises InvalidArgument."""
    if schema == "":
        return schema
    if not isinstance(schema, str) or not _NAME.fullmatch(schema):
        raise InvalidArgument(
            f"a schema is named by 1 to {SCHEMA_CHARACTERS_MAX} of a-z, 0-9 and _, and begins with no digit",
            hint="For example: schema = 'billing'",
        )
    if schema.startswith(RESERVED_SCHEMAS):
        raise InvalidArgument(f"a schema's name does not begin with {' or '.join(RESERVED_SCHEMAS)}")
    return schema


def with_prefix(text: str, prefix: str, schema: str = "") -> str:
    """A shipped text with its marks replaced: in quoted identifiers, and before those of tables."""
    qualified = f'"{checked_schema(schema)}".' if schema else ""
    return text.replace(_SCHEMA_MARK, qualified).replace(_MARK, checked_prefix(prefix))
