"""What is told of an incident: what happens, what the operator runs and reads, and what is true now."""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

import attrs

Kind: TypeAlias = Literal["happens", "runs", "now"]


@attrs.frozen
class Scene:
    """One numbered scene. `command`, `code` and `lines` are of what the operator ran; `text` is all else."""

    number: int
    kind: Kind
    text: str
    command: str = ""
    code: int = 0
    lines: tuple[str, ...] = ()


class Audience(Protocol):
    """Whoever is told."""

    def coming(self, number: int, command: str) -> None:
        """The operator is about to run a command; it is run when this returns."""

    def told(self, scene: Scene) -> None:
        """A scene is over."""


class StoryFailed(Exception):
    """A story did not end as it should."""


def must(truth: object, otherwise: str) -> None:
    """Raise StoryFailed where something is not as the story says; `python -O` leaves this in."""
    if not truth:
        raise StoryFailed(otherwise)
