"""Where the simulator differs on purpose from Paddle's OpenAPI document of 2025-05-27, and why.

The document is older than the API. Each entry names the page or the changelog that justifies it; a test
prints how many there are, and fails for one that is not met any more.
"""

from __future__ import annotations

import re

import attrs


@attrs.frozen
class Deviation:
    """What is allowed: where (a regular expression), at which place, with which message; and the reason."""

    name: str
    where: str
    place: str
    message: str
    reason: str

    def allows(self, where: str, place: str, message: str) -> bool:
        """Whether this is what was found."""
        return bool(
            re.search(self.where, where) and re.search(self.place, place) and re.search(self.message, message)
        )


DEVIATIONS: tuple[Deviation, ...] = ()
