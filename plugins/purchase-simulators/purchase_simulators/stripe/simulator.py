"""Stripe, without a server: accounts with API keys, one clock, one chaos."""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Sequence

import attrs

from purchase_core.errors import InvalidArgument
from purchase_core.identifiers import IdSource, RandomIds
from purchase_core.instants import Clock, Instant, SystemClock
from purchase_core.ports.provider import Headers
from purchase_core.secret import Secret
from purchase_simulators.wire.breaking import Breakage
from purchase_simulators.wire.chaos import Chaos
from purchase_simulators.wire.clock import ProviderClock
from purchase_simulators.wire.deliveries import Deliveries
from purchase_simulators.wire.simulation import Listener, Simulation

from . import signature
from .account import Account, too_many
from .book import Event
from .ids import StripeIds
from .objects.checkout import Session
from .refusal import API, Refusal

DEFAULT_ACCOUNT = "acct_1PgafTB7WZ01zgkW"
DEFAULT_URL = "http://127.0.0.1:4242"
KEY_PREFIXES = ("sk_test_", "rk_test_")
PAGE_TOKEN_BYTES = 32


@attrs.frozen
class _Key:
    secret: Secret
    account: Account


class StripeSimulator(Simulation):
    """All of it. `should_retry` goes with broken answers as `Stripe-Should-Retry`, unless it is None."""

    user_agent = "Stripe/1.0 (+https://stripe.com/docs/webhooks)"

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        ids: IdSource | None = None,
        chaos: Chaos | None = None,
        base_url: str = DEFAULT_URL,
        on_stamp: Callable[[Instant], None] | None = None,
    ) -> None:
        self.signing_clock: Clock = clock or SystemClock()
        self.chaos = chaos or Chaos()
        self.accounts: dict[str, Account] = {}
        self.listeners: list[Listener] = []
        self.page_secret = os.urandom(PAGE_TOKEN_BYTES)
        self.should_retry: bool | None = None
        self._base_url = base_url
        self._clock = ProviderClock(self.signing_clock, on_stamp=on_stamp)
        self._ids = ids or RandomIds()
        self._keys: list[_Key] = []

    @property
    def clock(self) -> ProviderClock:
        """Stripe's own time."""
        return self._clock

    @property
    def base_url(self) -> str:
        """Where hosted pages can be reached."""
        return self._base_url

    @base_url.setter
    def base_url(self, url: str) -> None:
        self._base_url = url
        for account in self.accounts.values():
            account.book.pages = url

    def open_account(self, identifier: str = DEFAULT_ACCOUNT, api_keys: Sequence[Secret] = ()) -> Account:
        """A new account, empty, and the API keys that open it."""
        if identifier in self.accounts:
            raise InvalidArgument(f"there is an account {identifier!r} already")
        account = Account(identifier, self._clock, self._ids, self.chaos, self.advance)
        account.book.on_event = self._tell
        account.book.pages = self._base_url
        self.accounts[identifier] = account
        for key in api_keys:
            self.allow(account, key)
        return account

    def allow(self, account: Account, api_key: Secret) -> None:
        """Let an API key of test mode open an account."""
        if not api_key.reveal().startswith(KEY_PREFIXES):
            raise InvalidArgument("an API key of the simulator begins with sk_test_ or rk_test_")
        self._keys.append(_Key(api_key, account))

    def request_id(self) -> str:
        """The id of the next request."""
        return StripeIds(self._ids).new("req")

    def account_of(self, api_key: str) -> Account:
        """The account that an API key opens. Raises Refusal. Every key is compared, whichever matches."""
        given, found = api_key.encode("utf-8", "surrogatepass"), None
        for key in self._keys:
            if hmac.compare_digest(key.secret.reveal().encode(), given):
                found = key.account
        if found is None:
            # As Stripe does, the beginning and the end of what was given are in the message.
            shown = f"{api_key[:8]}{'*' * 12}{api_key[-4:]}" if len(api_key) > 16 else "****"  # noqa: PLR2004
            raise Refusal(401, f"Invalid API Key provided: {shown}")
        return found

    def account_of_session(self, session: str) -> Account | None:
        """The account that a checkout page belongs to."""
        found = (one for one in self.accounts.values() if one.book.find(Session, session))
        return next(found, None)

    def advance(self, microseconds: int) -> None:
        """Let time pass, in all accounts."""
        self._clock.advance(microseconds)
        self.catch_up()

    def catch_up(self) -> None:
        """Let everything happen that is due by now."""
        for account in self.accounts.values():
            account.catch_up()

    def outgoing(self) -> list[Deliveries]:
        """The deliveries of each account."""
        return [account.deliveries for account in self.accounts.values()]

    def sign(self, body: bytes, *, at: Instant, secrets: Sequence[Secret]) -> Headers:
        """The headers that Stripe sends with a body."""
        return signature.signed_headers(body, at=at, secrets=secrets, fake=True)

    def breakage(self) -> Breakage:
        """What broken answers look like now."""
        busy = too_many()
        broken = Refusal(500, "An unknown error occurred.", kind=API)
        retry = (
            ()
            if self.should_retry is None
            else ((b"stripe-should-retry", str(self.should_retry).lower().encode()),)
        )
        return Breakage(
            busy.body("req_broken"), broken.body("req_broken"), ((b"retry-after", b"1"), *retry), retry
        )

    def _tell(self, event: Event) -> None:
        for listener in self.listeners:
            listener(event)
