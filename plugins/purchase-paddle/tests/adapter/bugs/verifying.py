"""Bugs of verification, and of what an event says of itself."""

from __future__ import annotations

import os
from contextlib import suppress

import attrs
import pytest

from adapter import test_paddle_normalise as normalise_tests
from adapter import test_paddle_signature as signature_tests
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import Event, Headers, signing
from purchase_paddle import signature
from purchase_paddle.adapter import PaddleProvider

from . import BUGS

HEADER = signature.FORM.header


def verifies_otherwise(patch: pytest.MonkeyPatch, verify: object) -> None:
    """Another `verify`."""
    patch.setattr(PaddleProvider, "verify", verify)


@BUGS.caught_by("f20_the_edges_of_the_window_are_exact")
def waits_five_seconds(patch: pytest.MonkeyPatch) -> None:
    """The window is that of Paddle's own libraries, which a retry through a queue misses."""
    patch.setattr(signing, "SIGNATURE_WINDOW_SECONDS", 5)


@BUGS.caught_by("f20_the_edges_of_the_window_are_exact")
def looks_only_back(patch: pytest.MonkeyPatch) -> None:
    """A signature may come from the future."""

    def verify(self: PaddleProvider, body: bytes, headers: Headers, *, now: Instant) -> None:
        time = dict(headers).get(HEADER, "").partition(";")[0].removeprefix("ts=")
        later = now
        with suppress(ValueError):
            later = Instant(max(now, int(time) * SECOND))
        signature.FORM.verify(body, headers, secrets=self._secrets, now=later)

    verifies_otherwise(patch, verify)


@BUGS.caught_by("f21_every_live_secret_counts_and_no_retired_one")
def reads_the_last_digest(patch: pytest.MonkeyPatch) -> None:
    """Of several `h1`, the last one counts, as in Paddle's own SDK for node."""

    def verify(self: PaddleProvider, body: bytes, headers: Headers, *, now: Instant) -> None:
        last = []
        for name, value in headers:
            items = value.split(";")
            last.append((name, ";".join([items[0], items[-1]]) if len(items) > 2 else value))
        signature.FORM.verify(body, last, secrets=self._secrets[:1], now=now)

    verifies_otherwise(patch, verify)


@BUGS.caught_by("t01_no_forgery_is_accepted_or_leaves_a_trace")
def compares_in_lower_case(patch: pytest.MonkeyPatch) -> None:
    """A digest in capitals is as good."""

    def verify(self: PaddleProvider, body: bytes, headers: Headers, *, now: Instant) -> None:
        lower = [(name, value.lower()) for name, value in headers]
        signature.FORM.verify(body, lower, secrets=self._secrets, now=now)

    verifies_otherwise(patch, verify)


@BUGS.caught_by("what_the_provider_sends_is_accepted")
def joins_with_a_dot(patch: pytest.MonkeyPatch) -> None:
    """What is signed is put together as at Stripe."""
    patch.setattr(signature, "FORM", attrs.evolve(signature.FORM, joint="."))


@BUGS.caught_by("t01_no_forgery_is_accepted_or_leaves_a_trace")
def signs_the_time_only(patch: pytest.MonkeyPatch) -> None:
    """What was signed is a time and the beginning of a body."""
    genuine = signing.SignatureForm._digest
    patch.setattr(
        signing.SignatureForm,
        "_digest",
        lambda self, secret, time, body: genuine(self, secret, time, body[:0]),
    )


@BUGS.caught_by(
    "test_t15_no_variable_of_the_environment_weakens_it",
    lambda: signature_tests.test_t15_no_variable_of_the_environment_weakens_it(pytest.MonkeyPatch()),
)
def has_a_switch_for_tests(patch: pytest.MonkeyPatch) -> None:
    """`TEST_MODE=1` turns the window off, as in Paddle's own SDK for Python."""
    genuine = signing.SignatureForm.verify

    def verify(self: object, body: bytes, headers: Headers, **given: object) -> None:
        if os.environ.get("TEST_MODE"):
            return
        genuine(self, body, headers, **given)  # type: ignore[arg-type]

    patch.setattr(signing.SignatureForm, "verify", verify)


@BUGS.caught_by(
    "test_f23_what_paddles_simulator_sends_is_a_test_on_a_live_connection_too",
    normalise_tests.test_f23_what_paddles_simulator_sends_is_a_test_on_a_live_connection_too,
)
def believes_paddles_simulator(patch: pytest.MonkeyPatch) -> None:
    """What never happened is told like everything else."""
    genuine = PaddleProvider.parse

    def parse(self: PaddleProvider, body: bytes) -> Event:
        return attrs.evolve(genuine(self, body), mode=self.connection.mode)

    patch.setattr(PaddleProvider, "parse", parse)


@BUGS.caught_by(
    "test_f16_a_notification_that_is_replayed_under_a_new_id_is_the_same_fact",
    normalise_tests.test_f16_a_notification_that_is_replayed_under_a_new_id_is_the_same_fact,
)
def is_known_by_its_notification(patch: pytest.MonkeyPatch) -> None:
    """A notification's id is the event's: each replay and each destination is another one."""
    genuine = PaddleProvider.parse

    def parse(self: PaddleProvider, body: bytes) -> Event:
        event = genuine(self, body)
        named = body.partition(b'"notification_id"')[2][:40]
        return attrs.evolve(event, id=f"{event.id}{named.hex()}")

    patch.setattr(PaddleProvider, "parse", parse)
