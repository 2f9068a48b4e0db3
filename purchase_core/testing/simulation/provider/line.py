"""The line between a process and the simulated provider, on which requests and answers can be lost."""

from __future__ import annotations

from typing import Protocol


class Line(Protocol):
    """What lies between an application's process and the provider."""

    async def before(self, operation: str) -> None:
        """The request is on its way. Raises a ProviderError where it does not arrive."""
        ...

    def refuses(self, operation: str) -> bool:
        """Whether the provider says no to what it has not been asked under this key before."""
        ...

    async def after(self, operation: str) -> None:
        """The answer is on its way. Raises OutcomeUnknown where it does not arrive."""
        ...


class Clear:
    """A line on which nothing goes wrong."""

    async def before(self, operation: str) -> None:
        """It arrives."""

    def refuses(self, operation: str) -> bool:
        """Never."""
        return False

    async def after(self, operation: str) -> None:
        """It arrives."""
