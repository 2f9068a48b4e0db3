"""Hosted pages: plain forms without a script, which no other site can frame or post to another place."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from hashlib import sha256
from urllib.parse import urlsplit

from starlette.responses import RedirectResponse, Response

SEE_OTHER = 303


def go(url: str) -> Response:
    """Send the browser on, without telling where it was."""
    return RedirectResponse(url, SEE_OTHER, {"cache-control": "no-store", "referrer-policy": "no-referrer"})


def page_headers(allowed: Iterable[str]) -> dict[str, str]:
    """The headers of a page whose forms may lead to these addresses."""
    # Browsers apply form-action to where a form is redirected to, so the shop's origins must be in it.
    origins = sorted({f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, allowed)})
    targets = " ".join(["'self'", *origins])
    policy = (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action {targets}"
    )
    return {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
    }


def form_token(secret: bytes, subject: str) -> str:
    """What a form carries, so that no other site can post it on a buyer's behalf."""
    return hmac.new(secret, subject.encode(), sha256).hexdigest()


def is_form_token(secret: bytes, subject: str, token: str) -> bool:
    """Whether a form was made here, about this."""
    return hmac.compare_digest(form_token(secret, subject).encode(), token.encode("utf-8", "replace"))
