"""The writer's lock: a file beside the database that says who may write, for as long as it lives.

The operating system holds it and lets go of it when its process ends, however it ends. The file stays: its
content means nothing, and removing it would let two writers lock two different files.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from purchase_core.errors import StoreUnavailable

SUFFIX = ".writer"


class WriterLock:
    """Held alone, or together with others who all allow it."""

    def __init__(self, database: Path, *, shared: bool) -> None:
        """Take the lock. Raises StoreUnavailable, saying what to do, if others hold it."""
        self.path = database.with_name(database.name + SUFFIX)
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
        except OSError as error:
            hint = "Create the folder, or check its rights."
            raise StoreUnavailable(f"cannot open {self.path}: {error.strerror}", hint=hint) from error
        try:
            _lock(self._file, shared=shared)
        except OSError:
            os.close(self._file)
            raise StoreUnavailable(
                f"another process or store is writing {database}",
                hint="Act in that process (an application's console does what commands do), or stop it. "
                "To look needs read_only = true; several_writers = true on all lets several write.",
            ) from None

    def release(self) -> None:
        """Let go. Doing so again does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int, *, shared: bool) -> None:
        # Windows has no shared form here: several writers are left to SQLite's own locks.
        if not shared:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: int, *, shared: bool) -> None:
        # flock and not lockf: a lock of the open file, so that two stores of one process exclude each other,
        # and closing another file of the same name loses nothing.
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
