"""Postgres servers for the tests: that of PURCHASE_TEST_POSTGRES_URL, or two of their own, of two majors."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import cast

import pytest
from psycopg.conninfo import make_conninfo

from purchase_postgres.testing import (
    Unavailable,
    debian,
    from_binaries,
    from_wheel,
    pgbouncer,
    pooled,
    schema,
)

GIVEN = "PURCHASE_TEST_POSTGRES_URL"
WHEEL, DEBIAN = "wheel", "debian-15"
REQUIRED = os.environ.get("PURCHASE_POSTGRES") == "required"


def missing(error: Unavailable) -> None:
    """Skip for people, fail where all of it is required."""
    if REQUIRED:
        pytest.fail(str(error))
    pytest.skip(f"{error}, or set {GIVEN}")


@pytest.fixture(scope="session")
def wheel_server() -> Iterator[str]:
    """The address of a server from the wheel, one for each process of the tests."""
    yield from started(from_wheel)


@pytest.fixture(scope="session")
def debian_server() -> Iterator[str]:
    """Likewise, of the other major."""
    yield from started(lambda: from_binaries(debian(15)))


def started(server: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    """The address of a server while a fixture lasts."""
    try:
        with server() as address:
            yield address
    except Unavailable as error:
        missing(error)


@pytest.fixture(scope="session", params=["given"] if os.environ.get(GIVEN) else [WHEEL, DEBIAN])
def server(request: pytest.FixtureRequest) -> str:
    """The address of each server in turn; none is stopped because the tests turn to the other."""
    if given := os.environ.get(GIVEN):
        return given
    fixture = "wheel_server" if request.param == WHEEL else "debian_server"
    return cast("str", request.getfixturevalue(fixture))


@pytest.fixture(scope="session")
def pooler(server: str) -> Iterator[str]:
    """The address of a pgbouncer in transaction mode before the server."""
    try:
        program = pgbouncer()
    except Unavailable as error:
        missing(error)
        return
    with pooled(program, server) as address:
        yield address


@pytest.fixture
def address(server: str) -> Iterator[str]:
    """An address whose connections see an empty schema of its own."""
    with empty(server) as found:
        yield found


@pytest.fixture(scope="class")
def schemas(request: pytest.FixtureRequest, server: str) -> None:
    """Lets a contract, whose tests take no fixtures, open as many empty schemas as it likes."""
    request.cls.schema = staticmethod(lambda: empty(server))


@pytest.fixture(scope="class")
def pooled_schemas(request: pytest.FixtureRequest, server: str, pooler: str) -> None:
    """Likewise: the names of schemas, and the address of the pooler."""
    request.cls.schema = staticmethod(lambda: schema(server))
    request.cls.pooler = pooler


@contextmanager
def empty(server: str) -> Iterator[str]:
    """An address whose connections see an empty schema of its own."""
    with schema(server) as name:
        yield make_conninfo(server, options=f"-csearch_path={name}")
