"""A provider that does as it is told: no account behind it, and every answer written by the test."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from hashlib import sha256

import msgspec

from purchase_core.errors import MalformedBody, SignatureInvalid
from purchase_core.instants import HOUR, SECOND, Instant
from purchase_core.ports.provider import (
    SIGNATURE_WINDOW_SECONDS,
    Capabilities,
    Capability,
    CheckoutRequest,
    Connection,
    CustomerRequest,
    Event,
    Fetched,
    Headers,
    Normalised,
    PriceRequest,
    Provider,
    ProviderCheckout,
)
from purchase_core.secret import Secret
from purchase_core.strict_json import decode

HEADER = "scripted-signature"
ACCOUNT = "acct_scripted"
SECONDS_DIGITS_MAX = 11


class _Head(msgspec.Struct):
    id: str
    type: str = "scripted.event"
    object: str = "subscription:scripted:sub_1"
    created: int = 0
    account: str = ACCOUNT
    mode: str = "test"


class ScriptedProvider(Provider):
    """A connection whose events mean what `meanings` says (by event id), and otherwise nothing.

    `errors` are raised by operations of that name; `calls` are the operations and keys that came.
    """

    plugin = "scripted"
    capabilities = Capabilities(
        frozenset({Capability.SUBSCRIPTION_CHECKOUT, Capability.ONE_TIME_CHECKOUT}),
        key_lifetime_seconds=86_400,
    )
    signature_headers = (HEADER,)

    def __init__(self, connection: Connection, secrets: Sequence[Secret]) -> None:
        super().__init__(connection, ACCOUNT)
        self.secrets = tuple(secrets)
        self.meanings: dict[str, Normalised] = {}
        self.errors: dict[str, BaseException] = {}
        self.calls: list[tuple[str, str]] = []
        self.closed = False

    def signed(self, body: bytes, *, now: Instant) -> tuple[bytes, tuple[tuple[bytes, bytes], ...]]:
        """The body, and the headers that the provider would send with it."""
        seconds = str(now // SECOND)
        value = f"{seconds}.{_digest(self.secrets[0], seconds, body)}"
        return body, ((HEADER.encode(), value.encode()),)

    # --- pure ------------------------------------------------------------------------------------

    def verify(self, body: bytes, headers: Headers, *, now: Instant) -> None:
        """Prove the signature `<seconds>.<hex>` over time and bytes."""
        given = [value for name, value in headers if name == HEADER]
        seconds, _, signature = given[0].partition(".") if len(given) == 1 else ("", "", "")
        if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= SECONDS_DIGITS_MAX):
            raise SignatureInvalid(f"there must be one header {HEADER}: <seconds>.<hex>")
        if abs(now // SECOND - int(seconds)) > SIGNATURE_WINDOW_SECONDS:
            raise SignatureInvalid("the signature is too old, or too new")
        expected = [_digest(secret, seconds, body) for secret in self.secrets]
        sent = signature.encode("utf-8", "surrogatepass")
        if not any([hmac.compare_digest(sent, one.encode()) for one in expected]):  # noqa: C419  # all compared
            raise SignatureInvalid("no signature matches")

    def parse(self, body: bytes) -> Event:
        """Read a JSON object with `id`, and if need be `type`, `object`, `created`, `account`, `mode`."""
        value = decode(body)
        try:
            head = msgspec.convert(value, _Head)
        except msgspec.ValidationError:
            raise MalformedBody("not a scripted event") from None
        created = Instant(head.created)
        return Event(head.id, head.type, head.object, created, head.account, head.mode, "1", value)

    def parse_fetched(self, fetched: Fetched) -> Event:
        """Read the body as an event's."""
        return self.parse(fetched.body)

    def normalise(self, event: Event) -> Normalised:
        """What the script says."""
        self._raise("normalise")
        return self.meanings.get(event.id, Normalised(ignored="nothing is scripted for it"))

    # --- awaited ---------------------------------------------------------------------------------

    async def fetch(self, kind: str, object_id: str) -> Fetched:
        """An object that shows nothing."""
        self._called("fetch", object_id)
        return Fetched(kind, object_id, Instant(0), b'{"id": "fetched"}')

    async def ensure_customer(self, request: CustomerRequest, *, key: str) -> str:
        """The customer's id, prefixed."""
        self._called("ensure_customer", key)
        return f"cus_{request.customer}"

    async def ensure_price(self, request: PriceRequest, *, key: str) -> str:
        """The offer version, prefixed."""
        self._called("ensure_price", key)
        return f"price_{request.version[:12]}_{request.currency}"

    async def create_checkout(self, request: CheckoutRequest, *, key: str) -> ProviderCheckout:
        """A checkout that nobody can pay."""
        self._called("create_checkout", key)
        return ProviderCheckout(f"cs_{key}", f"https://pay.example/{key}", Instant(HOUR))

    async def find_checkout(self, attempt: str) -> ProviderCheckout | None:
        """Nothing is ever found."""
        self._called("find_checkout", attempt)
        return None

    async def aclose(self) -> None:
        """Note that it was closed."""
        self.closed = True
        self._raise("aclose")

    def _called(self, operation: str, key: str) -> None:
        self.calls.append((operation, key))
        self._raise(operation)

    def _raise(self, operation: str) -> None:
        if operation in self.errors:
            raise self.errors[operation]


def _digest(secret: Secret, seconds: str, body: bytes) -> str:
    return hmac.new(secret.reveal().encode(), seconds.encode() + b"." + body, sha256).hexdigest()
