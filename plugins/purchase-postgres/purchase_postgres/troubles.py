"""From Postgres's and psycopg's errors to ours, in one table.

Errors of a server quote values ("Failing row contains …"), so none of their texts gets out, and ours are
raised `from None`: the state and its name say what happened.
"""

from __future__ import annotations

import re

import psycopg
import psycopg_pool

from purchase_core.errors import (
    InvalidArgument,
    InvalidText,
    LaneConflict,
    PurchaseError,
    SchemaError,
    StoreUnavailable,
)

FAILURES = (psycopg.Error, UnicodeEncodeError, TimeoutError)
"""What a call may raise that means something to the caller."""

DECIDE_AGAIN = ("40001", "40P01")  # serialization failure, deadlock: the server ended it whole
TEXTS = ("22021", "22P05")  # characters that a database cannot hold
MISSING = ("3F000", "42P01", "42703", "42P10", "42804")  # schema, table, column, index, type
LOST = ("08", "40003", "57P")  # the connection, or the server, went away in the middle
BUSY = {
    "55P03": ("another transaction holds a row", "Try again; if it lasts, look for a long transaction."),
    "57014": ("a statement took too long", "Try again; if it lasts, raise statement_timeout_seconds."),
    "53100": ("the server's disk is full", "Make room; reading goes on."),
    "53300": ("the server takes no more connections", "Lower pool_connections_max, or use a pooler."),
    "25006": ("the server only reads: it is a replica, or was told so", "Connect to the primary."),
    "26000": ("a prepared statement is gone", "Behind this pooler, set prepared_statements = false."),
    "42501": ("the user has no right to do this", "Grant it on the tables of Purchase."),
}


_NO_DATABASE = re.compile(r"FATAL: {1,9}(database .{1,200} does not exist|no such database)")
"""What a server, or a pooler, says before there is a connection: in words alone, without a state."""


def database_is_missing(error: psycopg.Error) -> bool:
    """Whether a server answered that it has no such database, in the words that can be told from others."""
    return error.sqlstate == "3D000" or _NO_DATABASE.search(str(error)) is not None


def first_error(error: Exception) -> Exception:
    """What happened first: psycopg may raise what followed from it instead, within a pipeline."""
    while isinstance(error, psycopg.errors.PipelineAborted) and isinstance(error.__context__, Exception):
        error = error.__context__
    return error


def lost(error: BaseException) -> bool:
    """Whether the connection, or the server, went away, and nobody waits for an answer any more."""
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return state.startswith(LOST)
    waited = isinstance(error, psycopg_pool.PoolTimeout | psycopg_pool.TooManyRequests)
    closed = isinstance(error, psycopg_pool.PoolClosed)
    return isinstance(error, psycopg.OperationalError) and not waited and not closed


def ended(error: BaseException) -> bool:
    """Whether the server ended a transaction in favour of another: nothing of it was written."""
    return getattr(error, "sqlstate", None) in DECIDE_AGAIN


def trouble(error: BaseException, *, outcome_unknown: bool = False, guarded: bool = False) -> PurchaseError:
    """What an error means to the caller.

    `outcome_unknown`: the COMMIT was on its way, so that only an answer tells that nothing was written.
    `guarded`: it was a batch that lanes guard, so that the caller can read and decide again.
    """
    if isinstance(error, UnicodeEncodeError):
        return InvalidText("a text holds a lone surrogate")
    if isinstance(error, psycopg_pool.PoolTimeout | psycopg_pool.TooManyRequests):
        return StoreUnavailable(
            "no connection to Postgres was to be had in time",
            hint="Is the server there? Then raise pool_connections_max; the log `psycopg.pool` says more.",
        )
    if isinstance(error, psycopg_pool.PoolClosed):
        return StoreUnavailable("the store is closed")
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return _answered(state, type(error).__name__, outcome_unknown=outcome_unknown, guarded=guarded)
    if isinstance(error, psycopg.DataError):
        return InvalidText("a text holds NUL, which Postgres cannot store")
    what = "Postgres did not answer in time" if isinstance(error, TimeoutError) else "the connection was lost"
    return StoreUnavailable(what, outcome_unknown=outcome_unknown, hint="Try again.")


def _answered(state: str, name: str, *, outcome_unknown: bool, guarded: bool) -> PurchaseError:
    said = f"{state} ({name})"
    if state in DECIDE_AGAIN:
        if guarded:
            return LaneConflict(f"another transaction came first: {said}")
        return StoreUnavailable(f"another transaction came first: {said}", hint="Try again.")
    if state in BUSY:
        what, hint = BUSY[state]
        return StoreUnavailable(what, hint=hint)
    if state in TEXTS:
        return InvalidText("a text holds a character that the database cannot store")
    if state in MISSING:
        return SchemaError(f"the tables are not those of this code: {said}", hint="Run `purchase migrate`.")
    if state[:2] in ("22", "23", "54"):
        return InvalidArgument(f"a value does not fit its column: {said}")
    return StoreUnavailable(
        f"Postgres says {said}", outcome_unknown=outcome_unknown and state.startswith(LOST)
    )
