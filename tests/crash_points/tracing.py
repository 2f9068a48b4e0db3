"""strace at one thread of a worker: counts its system calls on the database's files, or does harm at one."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
from collections import Counter
from contextlib import suppress
from pathlib import Path

STRACE = shutil.which("strace")
SUFFIXES = ("", "-wal", "-shm", "-journal", ".writer")
ATTACH_SECONDS_MAX = 60.0
_CALL = re.compile(r"^(?:\d+ +)?(\w+)\(")

CALLS = {
    "kill": ("openat", "pwrite64", "ftruncate", "fdatasync", "fsync", "unlink"),
    "full": ("openat", "pwrite64", "ftruncate"),
    "io": ("openat", "pread64", "pwrite64", "ftruncate", "fdatasync", "fsync", "unlink"),
}
INJECTED = {"kill": "signal=KILL", "full": "error=ENOSPC", "io": "error=EIO"}


class Tracer:
    """Attached to a thread, or (`whole`) to a process and all its threads."""

    def __init__(self, database: Path, log: Path) -> None:
        self._database = database
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def attach(
        self, thread: int, *, harm: str = "", call: str = "", number: int = 0, whole: bool
    ) -> None:
        """Watch, and with `harm` do it at the `number`-th `call`."""
        assert STRACE is not None
        paths = [part for suffix in SUFFIXES for part in ("-P", f"{self._database}{suffix}")]
        calls = sorted({one for calls in CALLS.values() for one in calls})
        what = [f"-etrace={call or ','.join(calls)}"]
        if harm:
            what.append(f"-einject={call}:{INJECTED[harm]}:when={number}")
        command = [STRACE, *(["-f"] if whole else []), "-p", str(thread), "-o", str(self._log), *what]
        command += ["-P", str(self._database.parent), *paths]
        self._process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
        assert self._process.stderr is not None
        async with asyncio.timeout(ATTACH_SECONDS_MAX):
            while line := await self._process.stderr.readline():
                if b"attached" in line:
                    return
        raise OSError(f"strace cannot attach to {thread}")

    async def detach(self) -> None:
        """Let go."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        await self._process.communicate()
        self._process = None

    def counted(self) -> Counter[str]:
        """How often each call was made."""
        if not self._log.exists():
            return Counter()
        found = (_CALL.match(line) for line in self._log.read_text(errors="replace").splitlines())
        return Counter(match[1] for match in found if match)

    def injected(self) -> bool:
        """Whether the harm was done, where the process outlived it."""
        return self._log.exists() and "(INJECTED)" in self._log.read_text(errors="replace")
