"""What comes back from HTTP, and the error that it must be: the same for every adapter that calls over HTTP.

For an adapter's own tests of its client: `purchase_contract_tests` knows no HTTP library.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from purchase_core.errors import (
    AuthenticationFailed,
    OutcomeUnknown,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
)

Row: TypeAlias = tuple[int, bytes, type[ProviderError], type[ProviderError]]
"""A status and a body; the error of a read, and that of a write."""

HTML = b"<html>"

UNREADABLE = (HTML, b"", b"{}", b"[]", b"null", b"7", b'{"id":7}')
"""Bodies with a status of success that say nothing about what was done: a write's outcome is unknown."""


def answers(own: bytes) -> list[Row]:
    """What any provider may answer but success; `own` is the body of an error as this provider documents it.

    A body that is not the provider's own comes from something between, which does not know what happened.
    """
    refused = (ProviderRefused, ProviderRefused)
    key_refused = (AuthenticationFailed, AuthenticationFailed)
    nothing_done = (ProviderUnavailable, ProviderUnavailable)
    unclear = (ProviderUnavailable, OutcomeUnknown)
    return [
        (400, own, *refused),
        (404, own, *refused),
        (401, own, *key_refused),
        (403, own, *key_refused),
        (429, own, *nothing_done),
        (429, HTML, *nothing_done),
        *((status, HTML, *unclear) for status in (401, 403, 404, 409, 502, 503)),
        *((status, own, *unclear) for status in (500, 502)),
        *((status, b"", *unclear) for status in (301, 302, 503)),
    ]


def must_raise(call: Callable[[], object], expected: type[ProviderError]) -> ProviderError:
    """The error of a call: of this very type, of that outcome, with nothing quoted that says "canary"."""
    with pytest.raises(ProviderError) as raised:
        call()
    assert type(raised.value) is expected
    assert raised.value.outcome_unknown == (expected is OutcomeUnknown)
    assert "canary" not in f"{raised.value!r}{raised.value}"
    return raised.value
