"""What is installed: entry points of the group `purchase`, listed from metadata. Listing imports nothing.

A plugin's entry point is a bare name (`sandbox`); a command that a plugin adds to the command line has the
name `command.<word>`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import NamedTuple

from purchase_core.errors import PluginCollision, PluginMissing

GROUP = "purchase"
COMMAND = "command."
EXTRAS = ("sandbox", "sqlite", "postgres", "d1", "stripe", "paddle")
"""Names that belong to our own distributions: `stripe` is `purchase-stripe`, whatever else is installed."""

COMMAND_HOMES = {"demo": "purchase-sandbox", "serve": "purchase-console"}
"""Commands that belong to our own distributions."""

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,47}", re.ASCII)


def is_plugin_name(name: str) -> bool:
    """Whether this can be a plugin's name: ASCII only, so that no two names look alike."""
    return _NAME.fullmatch(name) is not None


def home_of(name: str) -> str:
    """The distribution that a reserved name belongs to; "" if it is anybody's."""
    return f"purchase-{name}" if name in EXTRAS else ""


def same_distribution(one: str, other: str) -> bool:
    """Whether two spellings name one distribution."""
    return _normal(one) == _normal(other)


class Installed(NamedTuple):  # no attrs class: `purchase --help` needs this module, and little else
    """An entry point, and the distribution that brings it."""

    name: str
    distribution: str
    version: str
    entry_point: EntryPoint


def installed() -> tuple[Installed, ...]:
    """Every entry point of the group, sorted by name and distribution."""
    found = [
        Installed(point.name, point.dist.name, point.dist.version, point)
        for point in entry_points(group=GROUP)
        if point.dist is not None
    ]
    return tuple(sorted(set(found), key=lambda one: (one.name, one.distribution)))


def find_plugin(name: str, listed: Iterable[Installed], pins: Mapping[str, str]) -> Installed:
    """The one plugin of this name, from the distribution that it must come from.

    `pins` maps plugins to distributions, as configured. Raises PluginMissing or PluginCollision.
    """
    if not is_plugin_name(name):
        raise PluginMissing(
            f"{name[:100]!r} cannot be a plugin's name", hint="Names are lower-case ASCII: a-z, 0-9, _ and -."
        )
    listed, expected = list(listed), home_of(name) or pins.get(name, "")
    named = [one for one in listed if one.name == name]
    found = [one for one in named if not expected or same_distribution(one.distribution, expected)]
    if not found:
        others = [one.name for one in listed if is_plugin_name(one.name)]
        near = [] if expected else difflib.get_close_matches(name, [*EXTRAS, *others], 1)
        hint = f"Did you mean {near[0]!r}?" if near else how_to_install(name, expected)
        raise PluginMissing(_missing(name, expected, named), hint=hint)
    return _only(f"plugin {name!r}", found)


def find_command(word: str, listed: Iterable[Installed]) -> Installed | None:
    """The entry point of a command that a plugin adds, from its home if it has one.

    Raises PluginCollision where two distributions offer it.
    """
    home = COMMAND_HOMES.get(word, "")
    named = [one for one in listed if one.name == COMMAND + word]
    found = [one for one in named if not home or same_distribution(one.distribution, home)]
    return _only(f"command {word!r}", found) if found else None


def _only(what: str, found: Sequence[Installed]) -> Installed:
    if len(found) > 1:
        names = " and ".join(one.distribution for one in found)
        raise PluginCollision(
            f"{what} is offered by {names}",
            hint='Uninstall one, or say which you mean in purchase.toml: [plugins] name = "distribution".',
        )
    return found[0]


def _missing(name: str, expected: str, named: Sequence[Installed]) -> str:
    if not named:
        return f"plugin {name!r} is not installed"
    others = ", ".join(sorted({one.distribution for one in named}))
    return f"plugin {name!r} must come from {expected}; it is offered by {others}, which was not loaded"


def how_to_install(name: str, expected: str = "") -> str:
    """What a person types to have a plugin, from the distribution that it must come from, if one is known."""
    if name in EXTRAS:
        return f'pip install "purchase-core[{name}]"'
    return f"pip install {expected}" if expected else "Install the distribution that brings it."


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()
