"""Exit codes. They are documented, and tested, since scripts depend on them."""

from __future__ import annotations

from purchase_core.errors import (
    ConfigurationError,
    ExceedsBalance,
    NotFound,
    ProviderError,
    PurchaseError,
    SchemaError,
    UsageError,
    WrongState,
)

OK = 0
FAILED = 1
USAGE = 2
DIFFERENCES = 3
PROVIDER = 4
TRY_AGAIN = 75
INTERRUPTED = 130

MEANINGS = {
    OK: "done, or nothing to do",
    FAILED: "the operation failed, or what was asked for does not exist",
    USAGE: "wrong usage or configuration",
    DIFFERENCES: "differences or pending work were found (commands that check)",
    PROVIDER: "a provider refused, or did not accept the key",
    TRY_AGAIN: "temporarily impossible; try again",
    INTERRUPTED: "interrupted",
}


def exit_code(error: PurchaseError) -> int:
    """The code that a command ends with for an error."""
    if error.retryable:
        return TRY_AGAIN
    if isinstance(error, ProviderError):
        return PROVIDER
    if isinstance(error, NotFound | WrongState | ExceedsBalance | SchemaError):  # asked well, and not so
        return FAILED
    return USAGE if isinstance(error, UsageError | ConfigurationError) else FAILED
