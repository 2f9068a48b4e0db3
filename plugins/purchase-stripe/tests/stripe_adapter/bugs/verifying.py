"""Bugs of verification, and of what an event says of itself."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import attrs
import pytest

from purchase_core.errors import SignatureInvalid
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import Event, Headers, SignatureForm
from purchase_core.secret import Secret
from purchase_stripe import signature
from purchase_stripe.adapter import StripeProvider
from stripe_adapter import test_stripe_reading as reading_tests

from . import BUGS

HEADER = signature.FORM.header


def time_in(headers: Headers) -> Instant:
    """The time that a signature says it is of; 0 if it does not."""
    with suppress(ValueError, KeyError):
        return Instant(int(dict(headers)[HEADER].partition(",")[0].removeprefix("t=")) * SECOND)
    return Instant(0)


@BUGS.caught_by("f20_the_edges_of_the_window_are_exact")
def has_no_window(patch: pytest.MonkeyPatch) -> None:
    """A signature is good for ever."""

    def verify(self: StripeProvider, body: bytes, headers: Headers, *, now: Instant) -> None:
        signature.FORM.verify(body, headers, secrets=self._secrets, now=time_in(headers))

    patch.setattr(StripeProvider, "verify", verify)


@BUGS.caught_by("f20_the_edges_of_the_window_are_exact")
def looks_only_back(patch: pytest.MonkeyPatch) -> None:
    """A signature may come from the future, as in Stripe's own SDK."""

    def verify(self: StripeProvider, body: bytes, headers: Headers, *, now: Instant) -> None:
        later = Instant(max(now, time_in(headers)))
        signature.FORM.verify(body, headers, secrets=self._secrets, now=later)

    patch.setattr(StripeProvider, "verify", verify)


@BUGS.caught_by("f21_every_live_secret_counts_and_no_retired_one")
def knows_one_secret(patch: pytest.MonkeyPatch) -> None:
    """While secrets are rotated, half of the events are refused."""

    def verify(self: StripeProvider, body: bytes, headers: Headers, *, now: Instant) -> None:
        signature.FORM.verify(body, headers, secrets=self._secrets[:1], now=now)

    patch.setattr(StripeProvider, "verify", verify)


@BUGS.caught_by("t01_no_forgery_is_accepted_or_leaves_a_trace")
def believes_an_empty_secret(patch: pytest.MonkeyPatch) -> None:
    """A secret that is not configured counts as an empty one."""

    def verify(self: StripeProvider, body: bytes, headers: Headers, *, now: Instant) -> None:
        signature.FORM.verify(body, headers, secrets=(*self._secrets, Secret("")), now=now)

    patch.setattr(StripeProvider, "verify", verify)


@BUGS.caught_by("t01_no_forgery_is_accepted_or_leaves_a_trace")
def lets_unsigned_events_in(patch: pytest.MonkeyPatch) -> None:
    """Without the header there is nothing to check."""

    def verify(self: StripeProvider, body: bytes, headers: Headers, *, now: Instant) -> None:
        if any(name == HEADER for name, _ in headers):
            signature.FORM.verify(body, headers, secrets=self._secrets, now=now)

    patch.setattr(StripeProvider, "verify", verify)


@BUGS.caught_by("what_the_provider_sends_is_accepted")
def reads_the_scheme_of_tests(patch: pytest.MonkeyPatch) -> None:
    """`v0` is looked at, which Stripe sends in test mode and means nothing by."""
    patch.setattr(signature, "FORM", attrs.evolve(signature.FORM, scheme="v0"))


@BUGS.caught_by("t01_no_forgery_is_accepted_or_leaves_a_trace")
def verifies_a_document_of_its_own(patch: pytest.MonkeyPatch) -> None:
    """The framework's JSON is checked, written anew."""
    genuine = SignatureForm._digest

    def digest(self: SignatureForm, secret: Secret, time: str, body: bytes) -> str:
        with suppress(ValueError, RecursionError):
            body = json.dumps(json.loads(body), separators=(",", ":")).encode()
        return genuine(self, secret, time, body)

    patch.setattr(SignatureForm, "_digest", digest)


@BUGS.caught_by("f28_garbage_is_refused_and_nothing_else_happens")
def crashes_on_garbage(patch: pytest.MonkeyPatch) -> None:
    """The time is read before it is looked at."""
    genuine = StripeProvider.verify

    def verify(self: StripeProvider, body: bytes, headers: Headers, *, now: Instant) -> None:
        int(dict(headers).get(HEADER, "t=0").partition(",")[0].removeprefix("t="))
        genuine(self, body, headers, now=now)

    patch.setattr(StripeProvider, "verify", verify)


@BUGS.caught_by("f26_a_body_of_any_size_is_judged")
def gives_up_on_large_bodies(patch: pytest.MonkeyPatch) -> None:
    """What is larger than most is refused, signed or not."""
    genuine = StripeProvider.verify

    def verify(self: StripeProvider, body: bytes, headers: Headers, *, now: Instant) -> None:
        if len(body) > 65_536:
            raise SignatureInvalid("too large to be true")
        genuine(self, body, headers, now=now)

    patch.setattr(StripeProvider, "verify", verify)


# --- whose event it is ---------------------------------------------------------------------------


def _otherwise(patch: pytest.MonkeyPatch, *fields: str) -> None:
    genuine = StripeProvider.parse

    def parse(self: StripeProvider, body: bytes) -> Event:
        event = genuine(self, body)
        known = {"account": self.account, "mode": self.connection.mode}
        believed: dict[str, Any] = {name: known[name] for name in fields}
        return attrs.evolve(event, **believed)

    patch.setattr(StripeProvider, "parse", parse)


@BUGS.caught_by(
    "test_f22_f23_account_and_mode_are_the_events_own",
    reading_tests.test_f22_f23_account_and_mode_are_the_events_own,
)
def takes_every_account_for_its_own(patch: pytest.MonkeyPatch) -> None:
    """An event of Connect, of another account, is as good as ours."""
    _otherwise(patch, "account")


@BUGS.caught_by(
    "test_f22_f23_account_and_mode_are_the_events_own",
    reading_tests.test_f22_f23_account_and_mode_are_the_events_own,
)
def takes_every_mode_for_its_own(patch: pytest.MonkeyPatch) -> None:
    """A test event on a live connection is live."""
    _otherwise(patch, "mode")
