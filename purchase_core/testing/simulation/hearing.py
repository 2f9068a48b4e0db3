"""Hearing: somebody who must be told of what happens, and fails at it now and then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from purchase_core.outbox.settings import SubscriberSettings
from purchase_core.plugins.descriptors import Subscriber
from purchase_core.records.effect import Effect

HEARS = "licences"
TELLING = SubscriberSettings(attempts_max=3)
SECONDS_MAX = 10.0


def hearing(heard: list[Effect], trouble: Callable[[], Awaitable[None]]) -> Subscriber:
    """Somebody who writes down what it has heard, unless `trouble` raises."""

    async def tell(effect: Effect) -> None:
        await trouble()
        heard.append(effect)

    return Subscriber(HEARS, tell, seconds_max=SECONDS_MAX)


def misheard(effects: list[Effect], heard: list[Effect]) -> str:
    """What is wrong with what was heard of one lane, whose effects are in their order; or ""."""
    mine = {effect.key for effect in effects}
    first = list(dict.fromkeys(one.key for one in heard if one.key in mine))
    if first == [effect.key for effect in effects]:
        return ""
    return f"{first} was heard, and {[effect.key for effect in effects]} has happened"
