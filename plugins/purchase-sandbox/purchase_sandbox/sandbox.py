"""A sandbox: accounts with API keys, one clock, one chaos."""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Sequence

import attrs

from purchase_core.errors import InvalidArgument, SecretMissing
from purchase_core.identifiers import IdSource, RandomIds
from purchase_core.instants import Clock, Instant, SystemClock
from purchase_core.ports.provider import Headers
from purchase_core.secret import Secret
from purchase_simulators.wire.chaos import Chaos
from purchase_simulators.wire.clock import ProviderClock
from purchase_simulators.wire.deliveries import Deliveries
from purchase_simulators.wire.simulation import Listener, Simulation

from . import signature
from .account.account import Account
from .account.book import Event
from .account.objects import Thing

API_KEY_BYTES_MIN = 8
PAGE_TOKEN_BYTES = 32

DEFAULT_ACCOUNT = "acct_sandbox"
DEFAULT_URL = "http://127.0.0.1:4242"


@attrs.frozen
class _Key:
    secret: Secret
    account: Account


class Sandbox(Simulation):
    """The whole provider, without a server. Synchronous; between two calls nothing is half done.

    `base_url` is where its pages can be reached: checkout URLs begin with it. `signing_clock` is what
    webhooks are timed by: the given clock, which receivers in other processes share, whatever the sandbox's
    own clock was advanced to. A receiver that lives on the sandbox's clock sets it to `clock`.
    """

    user_agent = "purchase-sandbox"

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
        self._clock = ProviderClock(self.signing_clock, on_stamp=on_stamp)
        self.chaos = chaos or Chaos()
        self.base_url = base_url
        self.accounts: dict[str, Account] = {}
        self.page_secret = os.urandom(PAGE_TOKEN_BYTES)
        self.listeners: list[Listener] = []
        self._ids = ids or RandomIds()
        self._keys: list[_Key] = []

    @property
    def clock(self) -> ProviderClock:
        """The provider's own time."""
        return self._clock

    def outgoing(self) -> list[Deliveries]:
        """The deliveries of each account."""
        return [account.deliveries for account in self.accounts.values()]

    def sign(self, body: bytes, *, at: Instant, secrets: Sequence[Secret]) -> Headers:
        """The headers that the sandbox sends with a body."""
        return signature.FORM.headers(body, at=at, secrets=secrets)

    def open_account(self, identifier: str = DEFAULT_ACCOUNT, api_keys: Sequence[Secret] = ()) -> Account:
        """A new account, empty, and the API keys that open it."""
        if identifier in self.accounts:
            raise InvalidArgument(f"there is an account {identifier!r} already")
        account = Account(identifier, self.clock, self._ids, self.chaos)
        self.accounts[identifier] = account
        account.book.on_event = self._tell
        for key in api_keys:
            self.allow(account, key)
        return account

    def allow(self, account: Account, api_key: Secret) -> None:
        """Let an API key open an account. Raises SecretMissing if it is too short to keep anybody out."""
        if len(api_key.reveal().strip()) < API_KEY_BYTES_MIN:
            raise SecretMissing(f"an API key of the sandbox has at least {API_KEY_BYTES_MIN} characters")
        self._keys.append(_Key(api_key, account))

    def _tell(self, event: Event) -> None:
        for listener in self.listeners:
            listener(event)

    def account_of(self, api_key: str) -> Account | None:
        """The account that an API key opens. Every key is compared, whichever matches."""
        given = api_key.encode("utf-8", "surrogatepass")
        found = None
        for key in self._keys:
            if hmac.compare_digest(key.secret.reveal().encode(), given):
                found = key.account
        return found

    def account_of_session(self, session: str) -> Account | None:
        """The account that a checkout page belongs to."""
        for account in self.accounts.values():
            if account.has_session(session):
                return account
        return None

    def advance(self, microseconds: int) -> None:
        """Let time pass, in all accounts."""
        self.clock.advance(microseconds)
        self.catch_up()

    def catch_up(self) -> None:
        """Let everything happen that is due by now."""
        for account in self.accounts.values():
            account.catch_up()

    def checkout_page(self) -> str:
        """What the address of every checkout page begins with."""
        return f"{self.base_url}/checkout/"

    def portal_page(self) -> str:
        """What the address of every page for a customer begins with."""
        return f"{self.base_url}/portal/"

    def invoice_page(self) -> str:
        """What the address of every page of an invoice begins with."""
        return f"{self.base_url}/invoices/"

    def account_with(self, kind: type[Thing], identifier: str) -> Account | None:
        """The account that holds an object."""
        return next((one for one in self.accounts.values() if one.book.has(kind, identifier)), None)
