"""From what comes back from the sandbox to our errors. This is the only place where that is decided.

    what came back                                  a read              a write
    ----------------------------------------------  ------------------  -------------------
    nobody accepts the connection                   ProviderUnavailable ProviderUnavailable
    401, 403                                        AuthenticationFailed AuthenticationFailed
    429                                             ProviderUnavailable ProviderUnavailable
    409 idempotency_key_in_use                      -                   OutcomeUnknown
    any other 4xx with the sandbox's error in it    ProviderRefused     ProviderRefused
    5xx, a redirect, HTML, a cut answer, a timeout  ProviderUnavailable OutcomeUnknown

A read has no effect: whatever goes wrong with it, nothing has happened. Messages name the operation, the
status and the sandbox's own code; they never quote a body.
"""

from __future__ import annotations

from purchase_core.errors import (
    AuthenticationFailed,
    MalformedBody,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
)
from purchase_core.ports.provider import calling, reading

from .documents import ErrorBody

BUSY = 429
KEY_REFUSED = (401, 403)
KEY_IN_USE = "idempotency_key_in_use"
RETRY_AFTER_SECONDS_MAX = 3_600


def unreachable(operation: str, url: str) -> ProviderUnavailable:
    """Nobody accepted the connection, so nothing was sent."""
    return ProviderUnavailable(
        f"{operation}: no sandbox answers at {url}",
        hint="Start one there: `purchase sandbox serve --api-key env:…`, with the same key.",
    )


def refusal(operation: str, status: int, body: bytes, retry_after: str, *, write: bool) -> ProviderError:
    """The error for an answer whose status is not 200."""
    code = _code(body)
    said = f"{operation}: the sandbox answered {status}{f' ({code})' if code else ''}"
    if status == BUSY:
        return ProviderUnavailable(
            said,
            provider_code=code,
            retry_after_seconds=calling.retry_after(retry_after, seconds_max=RETRY_AFTER_SECONDS_MAX),
        )
    if not 400 <= status < 500 or not code:  # noqa: PLR2004  # the range of refusals in HTTP
        return calling.unclear(operation, f"the sandbox answered {status}", write=write)
    if status in KEY_REFUSED:
        return AuthenticationFailed(said, provider_code=code, hint="Check the connection's API key.")
    if code == KEY_IN_USE:
        return calling.unclear(operation, "the same request is under way", write=write)
    return ProviderRefused(said, provider_code=code)


def _code(body: bytes) -> str:
    try:
        return reading.read(body, ErrorBody).error.code
    except MalformedBody:
        return ""
