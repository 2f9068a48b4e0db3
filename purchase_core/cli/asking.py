"""Asking before something is done that cannot be undone: people on a terminal; machines say --yes."""

from __future__ import annotations

import getpass
import os
import sys

import click


def make_sure(question: str, *, yes: bool) -> None:
    """Go on only if it is meant. Raises click.Abort on a no, UsageError where nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} Nobody can be asked here: say --yes.")
    click.confirm(question, abort=True, err=True)


def yourself() -> str:
    """Who runs the command, for receipts: a name, or the number of a user without one, as in containers."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "nobody known"
