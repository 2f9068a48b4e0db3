"""A real pgbouncer in transaction mode before a server: connections change hands after each transaction."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from purchase_postgres.testing.servers import SYSTEM_USER, Unavailable

SERVER_CONNECTIONS = 4  # fewer than clients, so that they do change hands
PORT = 6432  # of a socket in a folder of its own
STOP_SECONDS_MAX = 10

SETTINGS = """[databases]
* = {server}
[pgbouncer]
listen_addr =
listen_port = {port}
unix_socket_dir = {folder}
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
max_client_conn = 200
default_pool_size = {connections}
ignore_startup_parameters = extra_float_digits
; nobody reads what it says once it is up, and a full pipe would stop it
log_connections = 0
log_disconnections = 0
log_pooler_errors = 0
log_stats = 0
"""


def pgbouncer() -> Path:
    """The program. Raises Unavailable."""
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
    if not found:
        raise Unavailable("no pgbouncer: install the package pgbouncer")
    return Path(found)


@contextmanager
def pooled(program: Path, server: str) -> Iterator[str]:
    """The address of a pooler before this server."""
    parts = conninfo_to_dict(server)
    user = str(parts.get("user") or SYSTEM_USER)
    names = {"host": "host", "port": "port", "user": "user", "password": "password", "dbname": "dbname"}
    words = [f"{ours}={parts[theirs]}" for ours, theirs in names.items() if parts.get(theirs)]
    folder = Path(mkdtemp(prefix="purchase-pooler-"))
    folder.chmod(0o755)
    (folder / "users").write_text(f'"{user}" ""\n')
    text = SETTINGS.format(server=" ".join(words), port=PORT, folder=folder, connections=SERVER_CONNECTIONS)
    (folder / "settings").write_text(text)
    owner = _owner(str(parts.get("host") or ""))
    shutil.chown(folder, owner)
    process = subprocess.Popen(  # noqa: S603  # a program of the machine, with arguments of ours
        [str(program), str(folder / "settings")],
        user=owner if os.getuid() == 0 else None,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _wait_until_up(process)
        yield make_conninfo(host=str(folder), port=PORT, user=user, dbname=str(parts.get("dbname") or user))
    finally:
        process.terminate()
        process.communicate(timeout=STOP_SECONDS_MAX)
        shutil.rmtree(folder, ignore_errors=True)


def _owner(host: str) -> int:
    """Whom to run as: it does not run as root, and may not reach a socket in somebody else's folder."""
    if os.getuid() != 0:
        return os.getuid()
    return Path(host).stat().st_uid if host.startswith("/") else pwd.getpwnam(SYSTEM_USER).pw_uid


def _wait_until_up(process: subprocess.Popen[str]) -> None:
    said = []
    for line in process.stderr or ():
        said.append(line)
        if "process up" in line:
            return
    raise Unavailable(f"pgbouncer did not start: {''.join(said)}")
