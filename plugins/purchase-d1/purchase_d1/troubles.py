"""From what D1 says to our errors, in one table.

D1 has no codes that its documentation promises, so its texts are matched; what comes before and after the
words that are known does not matter. Texts can quote SQL and identifiers: only the words that are matched
here ever get into ours.
"""

from __future__ import annotations

import re

from purchase_core.errors import InvalidArgument, PurchaseError, SchemaError, StoreUnavailable
from purchase_d1.transport import Refused, Unanswered

# Cloudflare's list of D1 errors; and SQLite's own, which come with a code of this form.
NOT_RUN = re.compile(
    r"overloaded|too many requests queued|requests queued for too long|too many api requests"
    r"|cannot resolve d1 db|too many subrequests",
    re.IGNORECASE,
)
MAYBE_RUN = re.compile(
    r"network connection lost|to be reset|was reset|code was updated|internal error|exceeded timeout"
    r"|transient issue|memory limit|cpu time limit",
    re.IGNORECASE,
)
ENDED = re.compile(
    r"SQLITE_[A-Z]{2,30}|constraint failed|no such (?:table|column)|has no column|syntax error|cannot store"
    r"|too many SQL variables|statement too long|too big|malformed JSON|bad JSON path|maximum DB size"
    r"|nothing was run|BEGIN TRANSACTION or SAVEPOINT|not authorized"
)
CODE = re.compile(r"SQLITE_[A-Z]{2,30}")
FULL = re.compile(r"maximum DB size|disk is full|SQLITE_FULL")
MISSING = re.compile(r"no such (?:table|column)|has no column named")
LONG = re.compile(r"SQLITE_TOOBIG|statement too long|too big|too many SQL variables|variable number must be")
MISFIT = re.compile(
    r"(?:UNIQUE|NOT NULL|CHECK|FOREIGN KEY) constraint failed(?:: [\w.]{1,200})?"
    r"|cannot store \w{1,10} value in \w{1,10} column [\w.]{1,200}"
)


def failure(text: str) -> Refused | Unanswered:
    """What an error text says of its batch: that it was ended, was not begun, or nobody knows."""
    if NOT_RUN.search(text):
        return Unanswered("D1 has more to do than it can", maybe_written=False)
    if MAYBE_RUN.search(text):
        return Unanswered("D1 lost what it was doing", maybe_written=True)
    if ENDED.search(text):
        return Refused(text)
    return Unanswered("D1 answers with an error that is not known", maybe_written=True)


def trouble(text: str) -> PurchaseError:
    """What it means to the caller that D1 ended a batch, where it was no guard's doing."""
    if FULL.search(text):
        return StoreUnavailable("the D1 database is full", hint="Make room; reading goes on.")
    if MISSING.search(text):
        return SchemaError("the tables are not those of this code", hint="Run `purchase migrate`.")
    if LONG.search(text):
        return InvalidArgument("a value or a batch is larger than D1 takes")
    if misfit := MISFIT.search(text):
        return InvalidArgument(f"a value does not fit its column: {misfit[0]}")
    code = CODE.search(text)
    return StoreUnavailable(f"D1 refuses a statement ({code[0] if code else 'and does not say why'})")


def unavailable(lost: Unanswered) -> StoreUnavailable:
    """What it means to the caller that there is no answer."""
    return StoreUnavailable(lost.what, outcome_unknown=lost.maybe_written, hint=lost.hint)
