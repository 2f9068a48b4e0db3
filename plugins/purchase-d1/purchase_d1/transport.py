"""How statements get to D1: in batches, each of them one transaction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TypeAlias

from purchase_sql.wire import Cells, Sent

Answer: TypeAlias = Sequence[Sequence[Cells]]
"""The rows of each statement of a batch."""


class Refused(Exception):  # an answer, not a fault; it never leaves the store
    """D1 ended the batch, and nothing of it was written. `text` is what it said; it may quote SQL."""

    def __init__(self, text: str) -> None:
        super().__init__()  # no part of the text, so that no traceback shows it
        self.text = text


class Unanswered(Exception):  # as above
    """Nobody knows of an answer. Unless `maybe_written` is false, the batch may have been written.

    `what` and `hint` are for the caller. `lasting`: trying again is of no use. `after_seconds`: how long to
    wait before it is.
    """

    def __init__(
        self,
        what: str,
        *,
        maybe_written: bool,
        hint: str = "Try again.",
        lasting: bool = False,
        after_seconds: float = 0.0,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.maybe_written = maybe_written
        self.hint = hint
        self.lasting = lasting
        self.after_seconds = after_seconds


class Transport(ABC):
    """A way to one D1 database."""

    atomic: bool = False
    """Whether Cloudflare documents that a batch which fails on this way leaves nothing. Else it is probed."""

    @abstractmethod
    async def batch(self, statements: Sequence[Sent]) -> Answer:
        """Run statements in one transaction, and return the rows of each. Raises Refused and Unanswered."""

    @abstractmethod
    async def aclose(self) -> None:
        """Let go of everything. Doing so again does nothing."""
