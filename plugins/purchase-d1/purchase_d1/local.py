"""A real D1 on this machine: Cloudflare's own engine (workerd, through miniflare), without an account.

    with local_d1() as address:
        store = await D1Store.open(D1Config(address.url, address.token))

Needs node 20 or later, and npm. What it runs is locked, and installed once into a folder of the user's. The
database is empty, and gone afterwards.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import mkdtemp
from typing import IO, cast

import attrs

from purchase_core.errors import StoreUnavailable
from purchase_core.secret import Secret

LOCKED = ("package.json", "package-lock.json")
SCRIPTS = ("serve.mjs",)
INSTALL_SECONDS_MAX = 300.0
START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 10.0


@attrs.frozen
class Address:
    """Where a D1 database is, and the token that is asked for there."""

    url: str
    token: Secret


@contextmanager
def local_d1(cache: Path | None = None, *, token: str | None = None) -> Iterator[Address]:
    """A D1 database for as long as the block lasts. Raises StoreUnavailable if it cannot be had.

    Without a `token` it gets one of its own.
    """
    folder = installed(cache or Path.home() / ".cache" / "purchase-d1")
    token = secrets.token_urlsafe(32) if token is None else token
    with as_file(files("purchase_d1") / "worker" / "worker.js") as script:
        process = subprocess.Popen(  # noqa: S603  # our own script
            ["node", "serve.mjs", str(script)],  # noqa: S607  # the user's own node
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            yield Address(_ready(process, token), Secret(token))
        finally:
            _stop(process)


def installed(cache: Path) -> Path:
    """The folder that holds what is locked, installed by npm if it was not. Raises StoreUnavailable."""
    shipped = files("purchase_d1") / "workerd"
    contents = {name: (shipped / name).read_bytes() for name in (*LOCKED, *SCRIPTS)}
    digest = hashlib.sha256(b"\0".join(contents.values())).hexdigest()
    folder = cache / digest[:16]
    if folder.exists():
        return folder
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise StoreUnavailable("no D1 on this machine: node and npm are not installed")
    cache.mkdir(parents=True, exist_ok=True)
    # Others may do the same at once: each installs beside, and whoever is last finds the work done.
    fresh = Path(mkdtemp(dir=cache))
    try:
        for name, content in contents.items():
            (fresh / name).write_bytes(content)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(  # noqa: S603  # what is locked by hash
            command, cwd=fresh, check=False, capture_output=True, timeout=INSTALL_SECONDS_MAX
        )
        if done.returncode:
            raise StoreUnavailable(
                "no D1 on this machine: npm could not install miniflare", hint="`npm ci` says why."
            )
        if not folder.exists():
            fresh.rename(folder)
    except (OSError, subprocess.TimeoutExpired):
        if not folder.exists():
            raise StoreUnavailable("no D1 on this machine: installing miniflare failed") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder


def _ready(process: subprocess.Popen[str], token: str) -> str:
    into, out = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)
    late = threading.Timer(START_SECONDS_MAX, process.kill)
    late.start()
    try:
        into.write(f"{token}\n")  # other users of the machine could read arguments
        into.flush()
        said = out.readline().split()
    except OSError:  # it has ended already
        said = []
    finally:
        late.cancel()
    if said[:1] != ["READY"]:
        raise StoreUnavailable("no D1 on this machine: miniflare did not start", hint="It needs node 20.")
    return said[1]


def _stop(process: subprocess.Popen[str]) -> None:
    with suppress(OSError):
        cast("IO[str]", process.stdin).close()
    try:
        process.wait(STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    cast("IO[str]", process.stdout).close()
