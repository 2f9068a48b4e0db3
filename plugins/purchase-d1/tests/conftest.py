"""A D1 database for the tests: the real engine, on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from purchase_core.errors import StoreUnavailable
from purchase_d1.local import Address, local_d1
from purchase_d1.testing import own_tables

REQUIRED = os.environ.get("PURCHASE_D1") == "required"


@pytest.fixture(scope="session")
def database() -> Iterator[Address]:
    """The address of a database, one for each process of the tests."""
    with ExitStack() as stack:
        try:
            address = stack.enter_context(local_d1())
        except StoreUnavailable as missing:
            if REQUIRED:
                pytest.fail(str(missing))
            pytest.skip(str(missing))
        yield address


@pytest.fixture(scope="class")
def tables(request: pytest.FixtureRequest, database: Address) -> None:
    """Lets a contract, whose tests take no fixtures, open as many empty databases as it likes."""
    request.cls.tables = staticmethod(lambda: own_tables(database))
