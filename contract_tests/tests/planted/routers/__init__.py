"""Routers with one defect each; each contract test catches one."""

from __future__ import annotations

from types import ModuleType

from purchase_core.routing.router import PolicyRouter

from . import choosing, guessing, telling

MODULES: tuple[ModuleType, ...] = (choosing, telling, guessing)


def planted_routers() -> list[type[PolicyRouter]]:
    """Every router with a planted bug, in the order in which they are written."""
    return [
        one
        for module in MODULES
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, PolicyRouter)
        if one.__module__ == module.__name__ and not one.__name__.startswith("_")
    ]
