"""Asks: what the application has asked of its billing, under a key, until it has an answer that is final."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import attrs

from purchase_core.billing import Billing
from purchase_core.errors import NoRoute, ProviderRefused, PurchaseError, UsageError
from purchase_core.testing.simulation.turns import Crashed

OVERTAKEN = ("never reached", "never arrived", "not today", "not_today")
"""Refusals that another try of the same request may overtake, which was on its way: a success is one."""

OPEN, DONE, REFUSED = "open", "done", "refused"


@attrs.define
class Ask:
    """A request under one key. While it is open it may be asked again, here or in another process.

    A try that ends without an answer leaves it open, also where an earlier one was refused: what was refused
    may be granted when it is asked for again, so nobody knows what came of it until they ask once more.

    `done` makes of a result what must be the same each time. `refusals`: what it may be refused
    for; none: for anything that is a refusal. `moves`: another request may have changed what this one is
    answered. `passing`: refusals that are none for ever. `kept`: what was done is never refused afterwards.
    `wish`: what a provider is to be asked for: an operation, the provider's id of its object, and how (None:
    in whatever way).
    """

    name: str
    make: Callable[[Billing], Coroutine[Any, Any, Any]]
    done: Callable[[Any], object]
    refusals: tuple[str, ...] = ()
    moves: bool = False
    passing: str = ""
    kept: bool = False
    wish: tuple[object, ...] = ()
    state: str = OPEN
    answer: object = None
    said: str = ""
    _tries: int = attrs.field(default=0, init=False)
    _unsure: int = attrs.field(default=0, init=False)

    def begin(self) -> int:
        """It is asked, once more. Returns which try that is."""
        self._tries += 1
        return self._tries

    def end(self, number: int, result: Any, error: BaseException | None) -> str:
        """Take the result or error of a try. Returns what is wrong with it, or ""."""
        if error is None:
            answer = self.done(result)
            # Only a provider's refusal is remembered.
            if self.said.startswith("ProviderRefused") and not any(one in self.said for one in OVERTAKEN):
                return f"{self.name} was refused ({self.said}), and is done now"
            if self.state == DONE and self.answer != answer:
                return f"{self.name} was answered {self.answer}, and now {answer}"
            self.state, self.answer = DONE, answer
            return ""
        if isinstance(error, Crashed):
            return self._untold()
        if not isinstance(error, PurchaseError):
            return f"{self.name} raised {type(error).__name__}: {error}"
        if not _is_final(error) or (self.passing and self.passing in error.message):
            return self._untold()
        return self._refused(number, error)

    def _refused(self, number: int, error: PurchaseError) -> str:
        if self.state == DONE and (self.kept or isinstance(error, ProviderRefused)) and not self.moves:
            return f"{self.name} was done, and is refused now: {error.message}"
        if self.refusals and not any(one in error.message for one in self.refusals):
            return f"{self.name} was refused for no reason: {error}"
        if self.state != DONE:
            self.said = f"{type(error).__name__} {error.message}"
            if number > self._unsure:
                self.state = REFUSED
        return ""

    def _untold(self) -> str:
        # Those that are still on their way may be refused by what was before this one had its effect.
        self._unsure = self._tries
        if self.state == REFUSED:
            self.state = OPEN
        return ""


def _is_final(error: PurchaseError) -> bool:
    if isinstance(error, NoRoute):
        return not error.retryable
    return isinstance(error, UsageError | ProviderRefused)


def _nothing(_: object) -> Any:
    return None


@attrs.define
class Spend:
    """Credits that are given or spent, or a quota that is used. `unit` is that of the credits, or the quota.

    `reservation`: the movement that a settling or releasing is of.
    """

    kind: str
    customer: str
    unit: str
    amount: int
    expires_at: int | None = None
    reservation: str = ""
    key: str = ""
    ask: Ask = attrs.Factory(lambda: Ask("", _nothing, _nothing))


@attrs.define
class Cart:
    """What somebody sets out to buy. `pages`: (connection, session) of each page that they were shown.

    `claimed_by`: who has claimed what a guest bought. `twisted`: it was paid otherwise than ordered.
    """

    number: int
    customer: str
    offer: str
    quantity: int
    ask: Ask = attrs.Factory(lambda: Ask("", _nothing, _nothing))
    pages: list[tuple[str, str]] = attrs.Factory(list)
    token: str = ""
    claimed_by: str = ""
    twisted: bool = False

    @property
    def key(self) -> str:
        """The idempotency key."""
        return f"cart-{self.number}"
