"""What an application may say about its D1 database."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import attrs

from purchase_core.errors import InvalidArgument
from purchase_core.secret import Secret
from purchase_sql.prefix import checked_prefix

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def _url(_: object, __: object, value: str) -> None:
    parts = urlsplit(value)
    plain = parts.hostname and not (parts.username or parts.password or parts.query or parts.fragment)
    if not plain or parts.scheme not in ("https", "http"):
        raise InvalidArgument(
            "the address of a D1 database is https://…, without a user, a query or a fragment",
            hint="That of the proxy Worker, or of the database in Cloudflare's API.",
        )
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise InvalidArgument("a D1 database is reached by https; http is for this machine only")


def _prefix(_: object, __: object, value: str) -> None:
    checked_prefix(value)


def _positive(_: object, attribute: attrs.Attribute[Any], value: float) -> None:
    if value <= 0:
        raise InvalidArgument(f"{attribute.name} must be above 0")


@attrs.frozen
class D1Config:
    """A D1 database and how it is reached.

    `url` is the address of the proxy Worker, or that of the database in Cloudflare's API; `token` is what
    either asks for. `prefix` begins the names of all tables. A request ends after `timeout_seconds`; up to
    `connections_max` are under way. What provably did nothing, or may be repeated, is tried up to `tries_max`
    times, after `retry_seconds` at first and twice that each time more.
    """

    url: str = attrs.field(validator=_url)
    token: Secret
    prefix: str = attrs.field(default="", validator=_prefix)
    timeout_seconds: float = attrs.field(default=30.0, validator=_positive)
    connections_max: int = attrs.field(default=8, validator=_positive)
    tries_max: int = attrs.field(default=4, validator=_positive)
    retry_seconds: float = attrs.field(default=0.2, validator=_positive)
