"""Pages that carry a provider's checkout inside the application: what an adapter hands over to be served."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class Attempts(Protocol):
    """Knows which attempt of an intent is the current one."""

    async def is_current(self, attempt: str) -> bool:
        """Whether this attempt may be paid. One that nobody knows may not."""
        ...
