"""Secrets: values that never print, and references to where they are kept."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from purchase_core.errors import SecretMissing

WEBHOOK_SECRET_BYTES_MIN = 24
SECRET_FILE_BYTES_MAX = 65_536
WEBHOOK_PREFIXES = ("whsec_", "pdl_ntfset_")


class Secret:
    """Text that shows as `Secret(…)` wherever it is printed, logged, formatted or pickled."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself. Call it where it is used, and keep no copy."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self._value), _bytes(other._value))

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        message = "a Secret cannot be pickled or copied"
        raise TypeError(message)


def resolve_secret(name: str, reference: str, *, environ: Mapping[str, str], folder: Path) -> Secret:
    """The secret behind `env:NAME` or `file:PATH` (relative to `folder`). `name` says what it is for.

    Raises SecretMissing, which names the reference and never a value.
    """
    scheme, separator, place = reference.partition(":")
    if scheme not in ("env", "file") or not separator or not place:
        raise SecretMissing(
            f"{name} must be a reference to a secret, not the secret itself",
            hint='Write "env:NAME" or "file:PATH".',
        )
    if scheme == "env":
        value = _text(environ.get(place, ""))
        hint = f"Set the environment variable {place}."
    else:
        value = _read(folder / place)
        hint = f"Put the secret into the file {place}."
    if not value.strip():
        raise SecretMissing(f"{name}: {reference} is not set, or empty", hint=hint)
    return Secret(value.strip())


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(SECRET_FILE_BYTES_MAX).decode()
    except (OSError, ValueError):  # absent, not a file, not text, or no path at all
        return ""


def _text(value: str) -> str:
    """The value; "" if it is no text, as what an environment holds of other bytes than UTF-8 is none."""
    try:
        value.encode()
    except UnicodeEncodeError:  # quotes the value, so it must not get out
        return ""
    return value


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")


def checked_webhook_secret(name: str, secret: Secret | None) -> Secret:
    """The secret of a webhook endpoint, if it can authenticate anything. Raises SecretMissing."""
    return checked_secret(name, secret, hint="Copy the whole signing secret from the provider.")


def checked_secret(
    name: str, secret: Secret | None, *, hint: str = "Make one: `openssl rand -hex 32`."
) -> Secret:
    """The secret, if it can authenticate anything: a short or blank key is as good as a public one.

    Raises SecretMissing.
    """
    value = secret.reveal() if isinstance(secret, Secret) else ""
    for prefix in WEBHOOK_PREFIXES:
        value = value.removeprefix(prefix)
    if len(_text(value).strip().encode()) < WEBHOOK_SECRET_BYTES_MIN:
        raise SecretMissing(f"{name} is empty or shorter than {WEBHOOK_SECRET_BYTES_MIN} bytes", hint=hint)
    return Secret(secret.reveal()) if secret else Secret("")
