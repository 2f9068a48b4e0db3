"""The console as the core knows it: who may do what there. The pages are a distribution of their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from enum import StrEnum
from importlib import import_module
from typing import Any, TypeAlias

import attrs

from purchase_core.errors import PluginMissing
from purchase_core.ports.provider.pages import AsgiApp, Scope
from purchase_core.text import identifier

PACKAGE = "purchase_console"


class Role(StrEnum):
    """What an operator may do. Nobody has one that was not given; none holds another."""

    VIEW = "view"
    REPLAY = "replay"
    REFUND = "refund"
    REVEAL = "reveal"
    ROLLOUT = "rollout"


def _roles(given: Iterable[str]) -> frozenset[Role]:
    return frozenset(map(Role, given))


@attrs.frozen
class Operator:
    """Whoever is at the console. `name` stands in the receipt of all that they do.

    `recent`: whether they have proved lately who they are. Where it is not so, no money moves.
    """

    name: str = attrs.field()
    roles: frozenset[Role] = attrs.field(converter=_roles)
    recent: bool = True

    @name.validator
    def _a_name(self, _attribute: object, name: str) -> None:
        identifier("name", name)


Auth: TypeAlias = Callable[[Scope], Operator | Awaitable[Operator | None] | None]
"""Who sends an ASGI request; None: nobody who may come in. It is asked for every request."""


def open_console(billing: object, *, auth: Auth, origin: str = "") -> AsgiApp:
    """The console of a billing. Raises PluginMissing where its distribution is not installed."""
    try:
        package: Any = import_module(PACKAGE)
    except ModuleNotFoundError as error:
        raise PluginMissing(
            f"the console is not installed: there is no {error.name}",
            hint='pip install "purchase-core[console]"',
        ) from error
    app: AsgiApp = package.Console(billing, auth=auth, origin=origin)
    return app
