"""From what comes back from Stripe to our errors. This is the only place where that is decided.

    what came back                                  a read               a write
    ----------------------------------------------  -------------------  -------------------
    nobody accepts the connection                   ProviderUnavailable  ProviderUnavailable
    401, 403                                        AuthenticationFailed AuthenticationFailed
    429 (limits and locks, before any effect)       ProviderUnavailable  ProviderUnavailable
    409 (the same key is under way)                 ProviderUnavailable  OutcomeUnknown
    any other 4xx with Stripe's error in it         ProviderRefused      ProviderRefused
    5xx, a redirect, HTML, a cut answer, a timeout  ProviderUnavailable  OutcomeUnknown

A read has no effect: whatever goes wrong with it, nothing has happened. A 5xx is kept under its key, so the
same key gives the same 5xx again: only a look-up resolves it (docs.stripe.com/api/idempotent_requests).
Messages name the operation, the status and Stripe's own code. They never quote a body: Stripe's own messages
can hold part of a key, or an e-mail address.
"""

from __future__ import annotations

import httpx
import stripe

from purchase_core.errors import (
    AuthenticationFailed,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
)
from purchase_core.ports.provider import calling

KEY_REFUSED = (401, 403)
CONFLICT, BUSY = 409, 429
RETRY_AFTER_SECONDS_MAX = 3_600
UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
CODE_CHARACTERS_MAX = 100


def of_stripe(operation: str, error: stripe.StripeError, *, write: bool) -> ProviderError:
    """Our error for one of the SDK's."""
    if isinstance(error, stripe.APIConnectionError):
        if isinstance(error.__cause__, UNSENT):
            return ProviderUnavailable(f"{operation}: Stripe cannot be reached")
        return calling.unclear(
            operation, f"the connection failed ({type(error.__cause__).__name__})", write=write
        )
    status, code = error.http_status or 0, _code(error)
    said = f"{operation}: Stripe answered {status}{f' ({code})' if code else ''}"
    if status == BUSY:
        return ProviderUnavailable(said, provider_code=code, retry_after_seconds=_retry_after(error))
    if status == CONFLICT or not 400 <= status < 500 or not code:  # noqa: PLR2004  # the range of refusals
        return calling.unclear(operation, f"Stripe answered {status}", write=write)
    if status in KEY_REFUSED:
        return AuthenticationFailed(said, provider_code=code, hint="Check the connection's API key.")
    return ProviderRefused(said, provider_code=code)


def _code(error: stripe.StripeError) -> str:
    """Stripe's word for it: the decline code, the code or the type of the error; "" if there is none."""
    body = error.json_body
    said = body.get("error") if isinstance(body, dict) else None
    if not isinstance(said, dict):
        return ""
    found = said.get("decline_code") or said.get("code") or said.get("type")
    plain = isinstance(found, str) and found.isascii() and found.replace("_", "").isalnum()
    return str(found) if plain and len(str(found)) <= CODE_CHARACTERS_MAX else "error"


def _retry_after(error: stripe.StripeError) -> float | None:
    text = str((error.headers or {}).get("retry-after", ""))
    return calling.retry_after(text, seconds_max=RETRY_AFTER_SECONDS_MAX)
