"""Signatures: made as Paddle makes them, and believed only then."""

from __future__ import annotations

import hmac
from hashlib import sha256

import pytest

from purchase_core.errors import SignatureInvalid
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider.signing import ITEMS_MAX
from purchase_core.secret import Secret
from purchase_paddle.signature import FORM
from purchase_simulators.paddle.signature import signed_headers

NOW = Instant(1_790_000_000_000_000)
NEW, OLD = Secret("pdl_ntfset_new_0123456789abcdef"), Secret("pdl_ntfset_old_0123456789abcdef")
BODY = b'{"event_id":"evt_1"}'


def header(*parts: str) -> tuple[tuple[str, str], ...]:
    return (("paddle-signature", ";".join(parts)),)


def digest(secret: Secret, body: bytes = BODY, at: int = NOW // SECOND) -> str:
    return hmac.digest(secret.reveal().encode(), f"{at}:".encode() + body, sha256).hex()


def test_it_is_an_hmac_of_time_and_raw_body() -> None:
    """webhooks/signature-verification."""
    FORM.verify(BODY, header(f"ts={NOW // SECOND}", f"h1={digest(NEW)}"), secrets=(NEW,), now=NOW)
    assert signed_headers(BODY, at=NOW, secrets=[NEW.reveal()]) == header(
        f"ts={NOW // SECOND}", f"h1={digest(NEW)}"
    )


def test_f21_every_h1_is_compared_with_every_secret() -> None:
    time = f"ts={NOW // SECOND}"
    wrong = "0" * 64
    for given in ([digest(NEW)], [wrong, digest(OLD)], [digest(OLD), wrong], [wrong, wrong, digest(NEW)]):
        FORM.verify(BODY, header(time, *(f"h1={one}" for one in given)), secrets=(OLD, NEW), now=NOW)
    with pytest.raises(SignatureInvalid):
        FORM.verify(BODY, header(time, f"h1={digest(OLD)}"), secrets=(NEW,), now=NOW)


def test_f17_without_a_secret_nobody_is_believed() -> None:
    with pytest.raises(SignatureInvalid):
        FORM.verify(BODY, header(f"ts={NOW // SECOND}", f"h1={digest(Secret(''))}"), secrets=(), now=NOW)


@pytest.mark.parametrize(
    ("seconds", "good"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)]
)
def test_f20_the_window_has_two_sides(seconds: int, good: bool) -> None:
    at = NOW // SECOND + seconds
    headers = header(f"ts={at}", f"h1={digest(NEW, at=at)}")
    if good:
        FORM.verify(BODY, headers, secrets=(NEW,), now=NOW)
    else:
        with pytest.raises(SignatureInvalid, match="300 seconds"):
            FORM.verify(BODY, headers, secrets=(NEW,), now=NOW)


def test_t15_no_variable_of_the_environment_weakens_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paddle's own Python library has TEST_MODE, which switches the window off."""
    for name in ("TEST_MODE", "DEBUG", "PADDLE_TEST_MODE", "CI"):
        monkeypatch.setenv(name, "1")
    with pytest.raises(SignatureInvalid):
        FORM.verify(BODY, header("ts=1", f"h1={digest(NEW, at=1)}"), secrets=(NEW,), now=NOW)


@pytest.mark.parametrize(
    "parts",
    [
        ("",),
        ("ts=",),
        ("h1=",),
        ("ts=1",),
        ("ts=now", "h1=ab"),
        ("ts=1", "ts=2", "h1=ab"),
        ("ts=1", "h1=a b"),
        ("ts=1,h1=ab",),
        ("ts=\u0661", "h1=ab"),
        ("ts=1", *("h1=ab",) * (ITEMS_MAX + 1)),
        ("x" * 5_000,),
        ("ts=" + "9" * 50, "h1=ab"),
    ],
)
def test_f28_rubbish_is_refused_with_one_error(parts: tuple[str, ...]) -> None:
    with pytest.raises(SignatureInvalid):
        FORM.verify(BODY, header(*parts), secrets=(NEW,), now=NOW)


def test_f28_schemes_that_are_unknown_are_passed_over() -> None:
    good = f"h1={digest(NEW)}"
    FORM.verify(BODY, header(f"ts={NOW // SECOND}", "h2=abc", good), secrets=(NEW,), now=NOW)
    with pytest.raises(SignatureInvalid):
        FORM.verify(BODY, header(f"ts={NOW // SECOND}", f"h2={digest(NEW)}"), secrets=(NEW,), now=NOW)


def test_f28_a_header_that_stands_twice_is_refused() -> None:
    once = header(f"ts={NOW // SECOND}", f"h1={digest(NEW)}")
    with pytest.raises(SignatureInvalid, match="there are 2"):
        FORM.verify(BODY, once * 2, secrets=(NEW,), now=NOW)
