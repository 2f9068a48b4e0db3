"""Signatures: what is refused, and that no comparison of them tells anything by its time."""

from __future__ import annotations

import ast
import hmac
from hashlib import sha256
from pathlib import Path

import pytest

import purchase_sandbox
from purchase_core.errors import SignatureInvalid
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider.signing import ITEMS_MAX
from purchase_core.secret import Secret
from purchase_sandbox.signature import FORM

NOW = Instant(1_790_000_000_500_000)
SECRETS = (Secret("whsec_new_0123456789abcdefghijklmn"), Secret("whsec_old_0123456789abcdefghijklmn"))
BODY = b'{"id":"evt_1"}'


def holds(value: str, *, body: bytes = BODY, now: Instant = NOW) -> bool:
    try:
        FORM.verify(body, ((FORM.header, value),), secrets=SECRETS, now=now)
    except SignatureInvalid:
        return False
    return True


def value_of(secrets: tuple[Secret, ...] = SECRETS[:1], at: Instant = NOW) -> str:
    return dict(FORM.headers(BODY, at=at, secrets=secrets))[FORM.header]


def test_the_header_is_what_the_documentation_says() -> None:
    digest = hmac.new(SECRETS[0].reveal().encode(), b"1790000000." + BODY, sha256).hexdigest()
    assert value_of() == f"t=1790000000,v1={digest}"


def test_any_live_secret_will_do_wherever_it_stands() -> None:
    stranger = Secret("whsec_stranger_0123456789abcdefgh")
    assert holds(value_of(SECRETS[1:]))
    assert holds(value_of((stranger, stranger, SECRETS[1])))
    assert not holds(value_of((stranger,)))


def test_f28_schemes_that_are_unknown_are_passed_over_and_rubbish_is_not() -> None:
    genuine = value_of()
    assert holds(f"{genuine},v0=00ff,v2=abc")
    for rubbish in (",", ",v1", ",=x", ", v1=00", ",v1=", ",é=1", ",v1=a b", ",t=1790000000"):
        assert not holds(genuine + rubbish), rubbish


def test_f20_the_window_has_two_sides() -> None:
    signed = NOW // SECOND
    for seconds, expected in ((0, True), (300, True), (301, False), (-300, True), (-301, False)):
        assert holds(value_of(), now=Instant((signed + seconds) * SECOND)) == expected, seconds


def test_the_items_are_bounded() -> None:
    genuine = value_of()
    assert holds(genuine + ",v0=1" * (ITEMS_MAX - 2))
    assert not holds(genuine + ",v0=1" * (ITEMS_MAX - 1))
    assert not holds(genuine + ",v0=1" * 1_000_000)


def test_without_secrets_nothing_is_believed() -> None:
    with pytest.raises(SignatureInvalid):
        FORM.verify(BODY, FORM.headers(BODY, at=NOW, secrets=SECRETS), secrets=(), now=NOW)
    with pytest.raises(SignatureInvalid):
        FORM.verify(BODY, FORM.headers(BODY, at=NOW, secrets=()), secrets=SECRETS, now=NOW)


def test_t02_every_pair_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []
    genuine = hmac.compare_digest

    def counting(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return genuine(one, other)

    monkeypatch.setattr(hmac, "compare_digest", counting)
    assert holds(value_of((SECRETS[0], SECRETS[1], SECRETS[0])))
    assert len(compared) == 3 * len(SECRETS)


def test_t02_no_secret_and_no_digest_is_compared_by_equality() -> None:
    """Read from the source: whatever is named like one is never next to == or `in`."""
    suspects = ("digest", "signature", "secret", "token", "expected", "given", "api_key")
    found = []
    for path in Path(purchase_sandbox.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare) and any(
                isinstance(op, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for op in node.ops
            ):
                names = {
                    one.id if isinstance(one, ast.Name) else one.attr
                    for side in (node.left, *node.comparators)
                    for one in ast.walk(side)
                    if isinstance(one, ast.Name | ast.Attribute)
                }
                if any(suspect in name.lower() for name in names for suspect in suspects):
                    found.append(f"{path.name}:{node.lineno}")
    assert found == []
