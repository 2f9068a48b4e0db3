"""One call of the API, as it gets to the code that answers it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import attrs

from .book import Book
from .forms import Form, Params, read
from .objects.thing import Thing
from .paging import Page

if TYPE_CHECKING:
    from .account import Account

P = TypeVar("P", bound=Params)


@attrs.frozen
class Call:
    """Who calls what. `path` holds the identifiers of the path; `pages` is where hosted pages are."""

    account: Account
    path: dict[str, str]
    form: dict[str, Form]
    pages: str

    @property
    def book(self) -> Book:
        """The book of the account."""
        return self.account.book

    @property
    def id(self) -> str:
        """The one identifier of the path."""
        return self.path.get("id", "")

    def params(self, kind: type[P]) -> P:
        """The parameters. Raises Refusal."""
        return read(self.form, kind)


Answered: TypeAlias = "Thing | Page | dict[str, object]"
Handler: TypeAlias = Callable[[Call], Answered]
Routes: TypeAlias = "tuple[tuple[str, str, Handler], ...]"
"""Method, path and what answers it."""
