"""A process that is killed, in a process that goes on."""

from __future__ import annotations


class Killed(BaseException):
    """The process is gone: nothing of it runs on."""
