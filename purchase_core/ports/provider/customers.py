"""Customers of an account as they are found there, whoever made them: what an import is matched by."""

from __future__ import annotations

from collections.abc import Mapping

import attrs


@attrs.frozen
class ListedCustomer:
    """A customer at a provider. `metadata` holds its texts; our reference in it is read like any other.

    `gone`: it was put aside, so that nothing can be sold to it.
    """

    id: str
    email: str = attrs.field(default="", repr=False)
    metadata: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    gone: bool = False


@attrs.frozen
class CustomerPage:
    """Customers of the account, other applications' too. `cursor` "" = the end."""

    customers: tuple[ListedCustomer, ...]
    cursor: str
