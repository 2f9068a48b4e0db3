"""The whole provider, without a server: accounts with API keys, one clock, one chaos."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence

import attrs

from purchase_core.errors import InvalidArgument, SecretMissing
from purchase_core.instants import Clock, Instant, SystemClock
from purchase_core.secret import Secret
from purchase_simulators.wire.chaos import Chaos
from purchase_simulators.wire.clock import ProviderClock

from .book import Book, Event
from .ids import PaddleIds
from .limits import RateLimits
from .notifications import Notifications
from .settings import Settings
from .timeline import catch_up

API_KEY_BYTES_MIN = 8
DEFAULT_ACCOUNT = "paddle-simulator"


@attrs.frozen
class Account:
    """One account: what it holds, and what it tells. `limits` are those of the address that calls."""

    id: str
    book: Book
    notifications: Notifications
    limits: RateLimits

    def catch_up(self) -> None:
        """Let everything happen that is due by now."""
        catch_up(self.book)


class PaddleSimulator:
    """Synchronous; between two calls nothing is half done.

    `signing_clock` is what webhooks are timed by: the given clock, which receivers share, whatever the
    simulator's own clock was advanced to.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        seed: int | None = None,
        chaos: Chaos | None = None,
        on_stamp: Callable[[Instant], None] | None = None,
    ) -> None:
        self.signing_clock: Clock = clock or SystemClock()
        self.clock = ProviderClock(self.signing_clock, on_stamp=on_stamp)
        self.chaos = chaos or Chaos()
        self.ids = PaddleIds(self.clock, seed)
        self.accounts: dict[str, Account] = {}
        self.listeners: list[Callable[[Event], None]] = []
        self._keys: list[tuple[Secret, Account]] = []

    def open_account(
        self,
        identifier: str = DEFAULT_ACCOUNT,
        api_keys: Sequence[Secret] = (),
        settings: Settings | None = None,
    ) -> Account:
        """A new account, empty, and the API keys that open it."""
        if identifier in self.accounts:
            raise InvalidArgument(f"there is an account {identifier!r} already")
        settings = settings or Settings()
        book = Book(self.clock, self.ids, settings)
        account = Account(identifier, book, Notifications(book, self.chaos), RateLimits(settings))
        book.on_event = lambda event: self._tell(account, event)
        self.accounts[identifier] = account
        for key in api_keys:
            self.allow(account, key)
        return account

    def allow(self, account: Account, api_key: Secret) -> None:
        """Let an API key open an account. Raises SecretMissing if it is too short to keep anybody out."""
        if len(api_key.reveal().strip()) < API_KEY_BYTES_MIN:
            raise SecretMissing(f"an API key has at least {API_KEY_BYTES_MIN} characters")
        self._keys.append((api_key, account))

    def account_of(self, api_key: str) -> Account | None:
        """The account that an API key opens. Every key is compared, whichever matches."""
        given = api_key.encode("utf-8", "surrogatepass")
        found = None
        for key, account in self._keys:
            if hmac.compare_digest(key.reveal().encode(), given):
                found = account
        return found

    def advance(self, microseconds: int) -> None:
        """Let time pass, in all accounts."""
        self.clock.advance(microseconds)
        self.catch_up()

    def catch_up(self) -> None:
        """Let everything happen that is due by now."""
        for account in self.accounts.values():
            account.catch_up()

    def _tell(self, account: Account, event: Event) -> None:
        account.notifications.tell(event)
        for listener in self.listeners:
            listener(event)
