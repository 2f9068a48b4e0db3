"""Secrets: they show nowhere, they come by reference, and a weak one authenticates nothing."""

from __future__ import annotations

import copy
import hmac
import logging
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from purchase_core.errors import ConfigurationError, SecretMissing
from purchase_core.secret import (
    SECRET_FILE_BYTES_MAX,
    WEBHOOK_SECRET_BYTES_MIN,
    Secret,
    checked_webhook_secret,
    resolve_secret,
)

VALUE = "sk_live_xyzzy"
NOWHERE = Path("/nonexistent")


@attrs.frozen
class Account:
    """Configuration that holds a secret."""

    key: Secret


# --- a secret shows nowhere ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        ascii,
        format,
        lambda secret: f"{secret!r:>40}",
        lambda secret: f"{secret:>40}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031  # logging formats so
        "{0} {0!r} {0:x}".format,
        lambda secret: repr([secret, {"key": secret}]),
        lambda secret: repr(Account(secret)),
    ],
)
def test_a_secret_is_masked_however_it_is_shown(show: Callable[[Secret], str]) -> None:
    shown = show(Secret(VALUE))
    assert "xyzzy" not in shown
    assert "Secret(" in shown


def test_a_logged_secret_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("shop").warning("opened with %s, %r", Secret(VALUE), Account(Secret(VALUE)))
    assert "xyzzy" not in caplog.text


def test_only_reveal_tells_it() -> None:
    assert Secret(VALUE).reveal() == VALUE


@pytest.mark.parametrize("carry", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_secret_is_not_carried_away(carry: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError, match="cannot be pickled or copied"):
        carry(Secret(VALUE))


def test_a_secret_has_no_dictionary_to_dump() -> None:
    with pytest.raises(TypeError):
        vars(Secret(VALUE))


def test_t02_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def comparing(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return False

    monkeypatch.setattr(hmac, "compare_digest", comparing)
    assert Secret(VALUE) != Secret(VALUE)
    assert compared == [(VALUE.encode(), VALUE.encode())]


@pytest.mark.parametrize("value", ["", "a", "é😀", "\udcff"])
def test_secrets_are_equal_by_value_and_to_secrets_only(value: str) -> None:
    assert Secret(value) == Secret(value)
    assert hash(Secret(value)) == hash(Secret(value))
    assert Secret(value) != Secret(value + "b")
    assert Secret(value) != value
    assert hash(Secret(value)) != hash(value)


# --- references --------------------------------------------------------------------------------------


def test_a_secret_is_read_from_the_environment_that_is_passed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "of the process")
    assert resolve_secret("api_key", "env:KEY", environ={"KEY": VALUE}, folder=NOWHERE) == Secret(VALUE)
    with pytest.raises(SecretMissing):
        resolve_secret("api_key", "env:KEY", environ={}, folder=NOWHERE)


@pytest.mark.parametrize("content", [VALUE, f"{VALUE}\n", f" \t{VALUE}\r\n"])
def test_a_secret_is_read_from_a_file_without_its_line_end(tmp_path: Path, content: str) -> None:
    (tmp_path / "key").write_text(content)
    assert resolve_secret("api_key", "file:key", environ={}, folder=tmp_path) == Secret(VALUE)
    assert resolve_secret("api_key", f"file:{tmp_path / 'key'}", environ={}, folder=NOWHERE) == Secret(VALUE)


@pytest.mark.parametrize("value", ["", " ", "\n\t "])
def test_a_blank_value_is_missing_and_the_error_says_where_to_put_one(tmp_path: Path, value: str) -> None:
    (tmp_path / "key").write_text(value)
    with pytest.raises(SecretMissing, match=r"api_key: env:KEY is not set, or empty") as variable:
        resolve_secret("api_key", "env:KEY", environ={"KEY": value}, folder=tmp_path)
    with pytest.raises(SecretMissing, match=r"api_key: file:key is not set, or empty") as file:
        resolve_secret("api_key", "file:key", environ={}, folder=tmp_path)
    assert "environment variable KEY" in variable.value.hint
    assert "file key" in file.value.hint
    assert isinstance(file.value, ConfigurationError)


@pytest.mark.parametrize("place", ["absent", ".", "latin"])
def test_a_file_that_cannot_be_read_is_a_missing_secret(tmp_path: Path, place: str) -> None:
    (tmp_path / "latin").write_bytes(b"xyzzy \xe9")
    with pytest.raises(SecretMissing) as told:
        resolve_secret("api_key", f"file:{place}", environ={}, folder=tmp_path)
    assert "xyzzy" not in "".join(traceback.format_exception(told.value))


def test_f18_an_environment_of_other_bytes_than_text_holds_no_secret() -> None:
    """Python passes such bytes on as surrogates; an error about them would carry the whole value."""
    with pytest.raises(SecretMissing, match="env:KEY is not set, or empty") as told:
        resolve_secret("api_key", "env:KEY", environ={"KEY": f"{VALUE}\udcff"}, folder=NOWHERE)
    assert told.value.__cause__ is told.value.__context__ is None


def test_only_so_much_of_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"a" * (SECRET_FILE_BYTES_MAX + 1))
    found = resolve_secret("api_key", "file:key", environ={}, folder=tmp_path)
    assert len(found.reveal()) == SECRET_FILE_BYTES_MAX


@pytest.mark.parametrize(
    "reference",
    [VALUE, "", "env", "env:", "file:", ":xyzzy", "ENV:xyzzy", "http://xyzzy", "whsec:xyzzy", " env:xyzzy"],
)
def test_a_secret_written_into_the_configuration_is_refused_and_not_repeated(reference: str) -> None:
    with pytest.raises(SecretMissing, match="must be a reference") as told:
        resolve_secret("api_key", reference, environ={"xyzzy": VALUE, "": VALUE}, folder=NOWHERE)
    assert "xyzzy" not in str(told.value)
    assert '"env:NAME" or "file:PATH"' in told.value.hint


# --- webhook secrets ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "secret",
    [
        None,
        Secret(""),
        Secret(" "),
        Secret("\n" * 40),
        Secret("whsec_"),
        Secret("whsec_" + " " * 40),
        Secret("pdl_ntfset_"),
        Secret("whsec_" + "a" * 23),
        Secret("pdl_ntfset_whsec_" + "a" * 12),
        Secret("a" * 23),
        Secret(" " + "a" * 23 + " "),
        Secret("é" * 11 + "a"),
        Secret("a" * 40 + "\udcff"),  # from an environment that is not UTF-8
        "a" * 40,  # text is no Secret
    ],
)
def test_f18_a_blank_or_short_webhook_secret_is_refused(secret: Secret | None) -> None:
    with pytest.raises(SecretMissing, match="webhook_secrets") as told:
        checked_webhook_secret("webhook_secrets[0]", secret)
    assert "aaa" not in str(told.value)


@pytest.mark.parametrize(
    "value", ["a" * 24, "é" * 12, "whsec_" + "a" * 24, "pdl_ntfset_" + "a" * 24, "a b" * 8]
)
def test_f18_a_webhook_secret_of_24_bytes_is_accepted_whole(value: str) -> None:
    assert checked_webhook_secret("webhook_secrets[0]", Secret(value)).reveal() == value
    assert WEBHOOK_SECRET_BYTES_MIN == 24


@pytest.mark.parametrize("variable", ["TEST_MODE", "DEBUG", "PURCHASE_INSECURE", "CI", "PYTHONOPTIMIZE"])
def test_t15_no_environment_variable_lets_a_weak_secret_pass(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "1")
    with pytest.raises(SecretMissing):
        checked_webhook_secret("webhook_secrets[0]", Secret("whsec_"))
    with pytest.raises(SecretMissing):
        resolve_secret("api_key", "env:KEY", environ={variable: "1"}, folder=NOWHERE)
