"""How a connection to a sandbox is configured, and what the sandbox can do."""

from __future__ import annotations

from urllib.parse import urlsplit

import attrs

from purchase_core.errors import InvalidArgument
from purchase_core.ports.provider import Capabilities, Capability

PLUGIN = "sandbox"
KEY_LIFETIME_SECONDS = 86_400
CALL_SECONDS_MAX = 300.0

NOT_OFFERED = frozenset(
    {
        Capability.CURRENCY_OVERRIDES,
        Capability.COUNTRY_OVERRIDES,
        Capability.TAX_COLLECTION,
    }
)
CAPABILITIES = Capabilities(frozenset(Capability) - NOT_OFFERED, key_lifetime_seconds=KEY_LIFETIME_SECONDS)


def _origin(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise InvalidArgument(
            f"{attribute.name} is no address of a sandbox", hint='Write "http://127.0.0.1:4242".'
        )


def _seconds(instance: object, attribute: attrs.Attribute[float], value: float) -> None:
    if not 0 < value <= CALL_SECONDS_MAX:
        raise InvalidArgument(f"{attribute.name} must be above 0 and at most {CALL_SECONDS_MAX:.0f}")


@attrs.frozen
class SandboxConfig:
    """The keys of a sandbox connection in `purchase.toml`.

    `call_seconds` bounds a call from the first byte sent to the last one read, retries included;
    `connect_seconds` bounds one try to connect.
    """

    base_url: str = attrs.field(default="http://127.0.0.1:4242", validator=_origin)
    account: str = "acct_sandbox"
    connect_seconds: float = attrs.field(default=3.0, validator=_seconds)
    call_seconds: float = attrs.field(default=20.0, validator=_seconds)
