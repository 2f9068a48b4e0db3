"""Stores with one defect each, as they are found in real code; each contract test catches one."""

from __future__ import annotations

from types import ModuleType

from purchase_core.testing.memory_store import MemoryStore

from . import (
    concurrency,
    deadlines,
    erasing,
    inbox,
    isolation,
    keys,
    mailboxes,
    newest,
    operating,
    processes,
    reading,
    restart,
    spending,
    values,
    writing,
)

MODULES: tuple[ModuleType, ...] = (
    writing,
    keys,
    inbox,
    mailboxes,
    erasing,
    reading,
    newest,
    isolation,
    values,
    restart,
    concurrency,
    processes,
    operating,
    deadlines,
    spending,
)


def planted_stores() -> list[type[MemoryStore]]:
    """Every store with a planted bug, in the order in which they are written."""
    return [
        one
        for module in MODULES
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, MemoryStore)
        if one.__module__ == module.__name__ and not one.__name__.startswith("_")
    ]
