"""Providers with one defect each, as they are found in real code; each contract test catches one."""

from __future__ import annotations

from types import ModuleType

from planted.tiny.adapter import TinyProvider

from . import asking, calling, changing, leaving, reading, selling, settling, stocking, verifying

MODULES: tuple[ModuleType, ...] = (
    verifying,
    reading,
    calling,
    selling,
    stocking,
    changing,
    settling,
    asking,
    leaving,
)


def planted_providers() -> list[type[TinyProvider]]:
    """Every provider with a planted bug, in the order in which they are written."""
    return [
        one
        for module in MODULES
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, TinyProvider)
        if one.__module__ == module.__name__ and not one.__name__.startswith("_")
    ]
