"""A bench over a provider's own test mode: what can be asked of it by anybody who has a key, and no more.

Nobody pays on a real page, lets time pass or cuts the network there; a promise that needs such a thing is not
asked. The rest is asked of the real provider: customers, prices, checkouts, keys, endpoints, errors, lists.

    PURCHASE_LIVE_STRIPE_KEY=sk_test_... python -m pytest --live plugins/purchase-stripe

Objects that are made stay there, under a project of their own for each bench.
"""

from __future__ import annotations

import functools
import os
import secrets
from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Self

from purchase_contract_tests.contract import Unplayable
from purchase_contract_tests.provider.bench import Key, ProviderBench, Trouble, Webhook
from purchase_core.instants import Instant, SystemClock
from purchase_core.ports.provider import (
    OPERATIONS,
    Connection,
    Headers,
    Provider,
    ProviderCheckout,
    SignatureForm,
)
from purchase_core.secret import Secret

ENVIRONMENT = "contract"


def setting(provider: str, name: str, default: str | None = None) -> str:
    """`PURCHASE_LIVE_<PROVIDER>_<NAME>`. Raises Unplayable if it is not there and there is no default."""
    variable = f"PURCHASE_LIVE_{provider}_{name}"
    found = os.environ.get(variable, "").strip() or default
    if found is None:
        raise Unplayable(f"there is no {variable} in the environment")
    return found


def key_of_test_mode(provider: str, *prefixes: str) -> Secret:
    """The author's key. Raises Unplayable without one, and for one that is not of test mode."""
    key = setting(provider, "KEY")
    if not key.startswith(prefixes):
        raise Unplayable(f"PURCHASE_LIVE_{provider}_KEY is no key of test mode ({' or '.join(prefixes)})")
    return Secret(key)


class LiveBench(ProviderBench):
    """Three adapters on the account that a key of test mode opens. `async with` it, and they are closed.

    `stranger` is a key that the provider does not accept; `form` is how its webhooks are signed.
    """

    form: SignatureForm

    def __init__(self, plugin: str, key: Secret, stranger: Secret) -> None:
        self.clock = SystemClock()
        self.run = secrets.token_hex(6)
        self.plugin = plugin
        self.keys = (key, stranger)
        self.secrets = {
            one: Secret(f"live_{one}_{secrets.token_hex(12)}" if one is not Key.EMPTY else "") for one in Key
        }
        self.provider = self._opened("shop", key)
        self.neighbour = self._opened("neighbour", key)
        self.locked_out = self._opened("shop", stranger)

    @abstractmethod
    def open(self, connection: Connection, key: Secret, signing: tuple[Secret, ...]) -> Provider:
        """An adapter. It is opened while the bench is made: what it needs must be there before."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        for one in (self.provider, self.neighbour, self.locked_out):
            await one.aclose()

    def _opened(self, project: str, key: Secret) -> Provider:
        """An adapter for a project that nobody had before."""
        connection = Connection(self.plugin, self.plugin, "test", f"{project}-{self.run}", ENVIRONMENT)
        return self._distinct(self.open(connection, key, (self.secrets[Key.NEW], self.secrets[Key.OLD])))

    def _distinct(self, provider: Provider) -> Provider:
        """The provider, with keys that no other run has used: the account remembers those of yesterday."""
        for operation in OPERATIONS:
            setattr(provider, operation, self._keyed(getattr(provider, operation)))
        return provider

    def _keyed(self, call: Callable[..., object]) -> Callable[..., object]:
        @functools.wraps(call)
        def keyed(*arguments: object, **options: object) -> object:
            key = {"key": f"{self.run}:{options['key']}"} if "key" in options else {}
            return call(*arguments, **(options | key))

        return keyed

    def now(self) -> Instant:
        return self.clock.now()

    def sign(self, body: bytes, *, at: Instant, keys: Sequence[Key] = (Key.NEW,)) -> Headers:
        return self.form.headers(body, at=at, secrets=[self.secrets[key] for key in keys])

    def confidential(self) -> Sequence[str]:
        return [one.reveal() for one in (*self.keys, *self.secrets.values()) if one.reveal()]

    async def pay(self, checkout: ProviderCheckout) -> None:
        raise Unplayable("a person has to pay on the provider's page")

    async def sent(self) -> Sequence[Webhook]:
        raise Unplayable("webhooks do not reach this machine")

    async def advance(self, seconds: int) -> None:
        raise Unplayable("time does not pass faster there")

    def trouble(self, kind: Trouble) -> AbstractAsyncContextManager[None]:
        raise Unplayable("nothing breaks there on purpose")

    async def _unplayed(self, *_: object, **__: object) -> None:
        raise Unplayable("nobody plays the buyer, the bank or the dashboard there")

    fail_payments = recover_payments = pay_slowly = accept = pay_with_code = _unplayed
    decide_refund = return_refund = dispute = delete_customer = _unplayed
    discount = _unplayed  # type: ignore[assignment]  # what it would return does not come
