"""A page of the console, as its module declares it: where it is, what it shows, and what can be done there.

A module of `pages` has a `PAGE`, and `pages.PAGES` lists them in the order of the navigation:

    async def show(visit: Visit) -> Response:
        return visit.page("inbox.html", deliveries=await visit.billing.webhooks.list())

    PAGE = Page(
        "inbox", "Inbox", views=(View("", show),), actions=(Action("/{id}/retry", retry, Role.REPLAY),)
    )

Its views and actions are at `/inbox`, and below. Nothing is reached without a role.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import attrs
from starlette.responses import Response

from purchase_console.visit import Visit
from purchase_core.console import Role

Handler: TypeAlias = Callable[[Visit], Awaitable[Response]]


@attrs.frozen
class View:
    """Something to look at (GET). It changes nothing."""

    path: str
    handler: Handler
    role: Role = Role.VIEW


@attrs.frozen
class Action:
    """Something to do (POST), from a form of the console. `money`: only for who has lately signed in."""

    path: str
    handler: Handler
    role: Role
    money: bool = False


@attrs.frozen
class Page:
    """A page. `name` begins its paths; `title` is what the navigation says, "" where it does not name it.

    `key` is pressed after `g` to come there.
    """

    name: str
    title: str
    views: tuple[View, ...]
    actions: tuple[Action, ...] = ()
    key: str = ""

    @property
    def path(self) -> str:
        """Where it is in the console."""
        return f"/{self.name}" if self.name else ""
