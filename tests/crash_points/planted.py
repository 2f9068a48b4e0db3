"""Bugs for the harness to find."""

from __future__ import annotations

from collections.abc import Callable

import attrs


@attrs.frozen
class Bug:
    """What is wrong, and the sites at which it is looked for."""

    name: str
    wrong: str
    sites: tuple[str, ...]
    plant: Callable[[], None]


BUGS: dict[str, Bug] = {}
