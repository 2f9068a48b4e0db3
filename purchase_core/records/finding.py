"""The finding: something that the doctor has to say, under an id that never changes."""

from __future__ import annotations

from purchase_core.values import Value

INFO, WARNING, ERROR = "info", "warning", "error"
LEVELS = (INFO, WARNING, ERROR)


class Finding(Value, frozen=True):
    """`id` is stable (`endpoint.missing`), so that it can be looked up, and silenced.

    `about` is what it concerns: a connection, a key, a lane. `facts` are keys of the facts that say otherwise
    than what is stored; `fix` says what to do.
    """

    id: str
    level: str
    message: str
    about: str = ""
    facts: tuple[str, ...] = ()
    fix: str = ""
