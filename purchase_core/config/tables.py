"""Reading a table strictly: keys must be known, values of the right type, secrets references."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

import attrs
import msgspec

from purchase_core.errors import ConfigurationError, PurchaseError
from purchase_core.secret import Secret

T = TypeVar("T")

SHOWN_CHARACTERS_MAX = 100

Table = Mapping[str, object]
ResolveSecret = Callable[[str, str], Secret]
"""(what it is for, reference) to the secret."""


def read_table(kind: type[T], table: Table, *, where: str, secret: ResolveSecret) -> T:
    """An attrs class from a table: its fields are the keys. `where` names the table in errors.

    Raises ConfigurationError, naming the key and never a value; SecretMissing where a secret is.
    """
    fields = {field.name: field for field in attrs.fields(cast("type[attrs.AttrsInstance]", kind))}
    refuse_unknown(table, fields, where=where)
    missing = [name for name, field in fields.items() if field.default is attrs.NOTHING and name not in table]
    if missing:
        raise ConfigurationError(f"{where} lacks {', '.join(missing)}", hint=f"Write {missing[0]} = … there.")

    def hook(wanted: type, value: object) -> object:
        if wanted is Secret and isinstance(value, str):
            return secret(where, value)
        raise ConfigurationError(f"{where}: a value is not a {wanted.__name__}")

    try:
        return msgspec.convert(dict(table), type=kind, dec_hook=hook)
    except msgspec.ValidationError as error:
        own = error.__cause__
        if isinstance(own, PurchaseError):  # of a class that checks its values; its hint is no part of it
            raise ConfigurationError(f"{where}: {own.message}", hint=own.hint) from None
        raise ConfigurationError(f"{where}: {without_values(error)}") from None
    except ConfigurationError:
        raise
    except Exception as error:  # a plugin's class may check its values in its own way
        raise ConfigurationError(f"{where}: {type(error).__name__}") from None


def refuse_unknown(table: Table, known: Iterable[str], *, where: str) -> None:
    """Raise ConfigurationError for keys that mean nothing, with the nearest that does."""
    known = list(known)
    for key in table:
        if key not in known:
            shown = str(key)[:SHOWN_CHARACTERS_MAX]
            near = difflib.get_close_matches(shown, known, 1, 0.5)
            hint = (
                f"Did you mean {near[0]!r}?" if near else f"Known here: {', '.join(sorted(known)) or 'none'}."
            )
            raise ConfigurationError(f"{where}: unknown key {shown!r}", hint=hint)


def sub_table(table: Table, key: str, *, where: str) -> Table:
    """The table behind a key; empty where it is absent. Raises ConfigurationError on anything else."""
    found: Any = table.get(key, {})
    if not isinstance(found, Mapping):
        raise ConfigurationError(f"{where}: {key!r} must be a table, not {type(found).__name__}")
    return found


def text(table: Table, key: str, *, where: str, default: str | None = None) -> str:
    """A text behind a key. Raises ConfigurationError where it is absent or no text."""
    found = table.get(key, default)
    if found is None:
        raise ConfigurationError(f"{where} lacks {key!r}")
    if not isinstance(found, str) or (not found and default is None):
        raise ConfigurationError(f"{where}: {key!r} must be text, and not empty")
    return found


def without_values(error: msgspec.ValidationError) -> str:
    """What msgspec says is wrong, without the value that is."""
    # msgspec names the types and the path, and quotes a value only where it is none of an enumeration.
    message = str(error)
    if "Invalid enum value" not in message:
        return message
    _, separator, place = message.rpartition(" - at ")
    return f"a value is none of those allowed{separator}{place if separator else ''}"
