"""Bugs for the simulator to find: one that finds nothing proves nothing."""

from . import commanding, folding, granting, keeping, moving, placing, receiving, spending
from .planting import BUGS, Bug, planted

__all__ = [
    "BUGS",
    "Bug",
    "commanding",
    "folding",
    "granting",
    "keeping",
    "moving",
    "placing",
    "planted",
    "receiving",
    "spending",
]
