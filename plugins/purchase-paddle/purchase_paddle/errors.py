"""From what comes back from Paddle to our errors. This is the only place where that is decided.

    what came back                                  a read               a write
    ----------------------------------------------  -------------------  --------------------
    nobody accepts the connection                   ProviderUnavailable  ProviderUnavailable
    401, 403                                        AuthenticationFailed AuthenticationFailed
    429 (any code)                                  ProviderUnavailable  ProviderUnavailable
    409 concurrent_modification, subscription_locked_processing, …_renewal
                                                    -                    ProviderUnavailable
    400 adjustment_transaction_invalid_status_for_refund, …_pending_refund_request
                                                    -                    NotYetAllowed
    any other 4xx with Paddle's error in it         ProviderRefused      ProviderRefused
    5xx, a redirect, HTML, a cut answer, a timeout  ProviderUnavailable  OutcomeUnknown

A read has no effect: whatever goes wrong with it, nothing has happened. Paddle says of a 502 that nothing
was processed; that is said of the gateway and not of what stands behind it, so it proves nothing here.
Messages name the operation, the status and Paddle's own code; they never quote a body. Source:
developer.paddle.com/errors.
"""

from __future__ import annotations

import re

from purchase_core.errors import (
    AuthenticationFailed,
    MalformedBody,
    NotYetAllowed,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
)
from purchase_core.ports.provider import calling, reading

from .answers import ErrorBody, Problem

BUSY = 429
KEY_REFUSED = (401, 403)
NOT_NOW = frozenset(
    {"concurrent_modification", "subscription_locked_processing", "subscription_locked_renewal"}
)
"""Refusals that another moment would not bring: nothing happened, and it may be tried again."""

NOT_YET = frozenset({"adjustment_transaction_invalid_status_for_refund", "adjustment_pending_refund_request"})
"""Refusals of a refund of what was paid: it is not completed yet, or another refund of it is not decided."""

CUSTOMER_EXISTS = "customer_already_exists"
RETRY_AFTER_SECONDS_MAX = 86_400
_CUSTOMER = re.compile(r"ctm_[a-z\d]{26}")


class CustomerExists(ProviderRefused):
    """Another customer of Paddle's has this e-mail address: `customer` is its id."""

    def __init__(self, message: str, *, provider_code: str, customer: str) -> None:
        super().__init__(message, provider_code=provider_code)
        self.customer = customer


def unreachable(operation: str) -> ProviderUnavailable:
    """Nobody accepted the connection, so nothing was sent."""
    return ProviderUnavailable(f"{operation}: Paddle cannot be reached")


def refusal(operation: str, status: int, body: bytes, retry_after: str, *, write: bool) -> ProviderError:
    """The error for an answer whose status is not 2xx."""
    problem = _problem(body)
    code = problem.code if problem else ""
    said = f"{operation}: Paddle answered {status}{f' ({code})' if code else ''}"
    if status == BUSY:
        return ProviderUnavailable(
            said,
            provider_code=code,
            retry_after_seconds=calling.retry_after(retry_after, seconds_max=RETRY_AFTER_SECONDS_MAX),
        )
    if not 400 <= status < 500 or problem is None:  # noqa: PLR2004  # the range of refusals in HTTP
        return calling.unclear(operation, f"Paddle answered {status}", write=write)
    if status in KEY_REFUSED:
        return AuthenticationFailed(said, provider_code=code, hint="Check the connection's API key.")
    if code in NOT_NOW:
        return ProviderUnavailable(said, provider_code=code)
    if code in NOT_YET:
        return NotYetAllowed(said, provider_code=code)
    named = _CUSTOMER.search(problem.detail) if code == CUSTOMER_EXISTS else None
    if named:
        return CustomerExists(said, provider_code=code, customer=named[0])
    return ProviderRefused(said, provider_code=code, hint=_hint(problem))


def _hint(problem: Problem) -> str:
    """Which fields Paddle did not like; what it says of them may quote them, and is left out."""
    fields = ", ".join(sorted({one.field for one in problem.errors if one.field.isprintable()}))
    return f"Paddle names: {fields[:200]}." if fields else ""


def _problem(body: bytes) -> Problem | None:
    try:
        return reading.read(body, ErrorBody).error
    except MalformedBody:
        return None
