"""Tells of whatever passes and is not as a provider's own document says, as soon as it has passed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import attrs
from starlette.types import ASGIApp, Receive, Scope, Send

from purchase_core.errors import InvalidArgument


class Comparing(Protocol):
    """An application around another one, which collects what the document does not allow."""

    @property
    def problems(self) -> Sequence[object]:
        """All of it so far; each says where, and what."""
        ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


@attrs.frozen
class Documents:
    """A folder with providers' OpenAPI documents, and who hears of what is not as they say."""

    folder: Path
    tell: Callable[[str], None]

    def missing(self, provider: str, name: str) -> InvalidArgument:
        """What is raised where the document of a provider is not there."""
        where = f"there is no {name} in {self.folder}"
        return InvalidArgument(f"nothing to compare with: {where}", hint=f"Get it from {provider}.")


def telling(app: Comparing, tell: Callable[[str], None]) -> ASGIApp:
    """The application; each problem is told once, after the call that showed it."""
    told = 0

    async def passing(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal told
        await app(scope, receive, send)
        fresh = app.problems[told:]
        told = len(app.problems)
        for one in fresh:
            tell(str(one))

    return passing
