"""Bugs of verification: what a forger gets in with, and what keeps the provider out."""

from __future__ import annotations

import hmac
import json
import os
from contextlib import suppress
from functools import cached_property

import attrs

from planted.tiny.adapter import HEADER, TinyProvider
from purchase_core.errors import SignatureInvalid
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import Event, Headers
from purchase_core.secret import Secret


class LetsUnsignedEventsIn(TinyProvider):
    """Without the header there is nothing to check."""

    def verify(self, body: bytes, headers: Headers, *, now: Instant) -> None:
        if any(name == HEADER for name, _ in headers):
            super().verify(body, headers, now=now)


class BelievesAnEmptyKey(TinyProvider):
    """A secret that is not configured counts as an empty one."""

    def verify(self, body: bytes, headers: Headers, *, now: Instant) -> None:
        secrets, self._secrets = self._secrets, (*self._secrets, Secret(""))
        try:
            super().verify(body, headers, now=now)
        finally:
            self._secrets = secrets


class ComparesTheBeginning(TinyProvider):
    """A signature that was cut still begins well."""

    def verify(self, body: bytes, headers: Headers, *, now: Instant) -> None:
        value = dict(headers).get(HEADER, "")
        time, _, signatures = value.partition(";")
        full = [self.signature(secret, time, body) for secret in self._secrets]
        for given in signatures.split(","):
            cut = given.removeprefix("v1=")
            if cut and any(one.startswith(cut) for one in full):
                return
        super().verify(body, headers, now=now)


class IgnoresCase(TinyProvider):
    """Hexadecimal digits are compared in lower case."""

    def verify(self, body: bytes, headers: Headers, *, now: Instant) -> None:
        lower = [(name, value.lower() if value.isascii() else value) for name, value in headers]
        super().verify(body, lower, now=now)


class VerifiesADocumentOfItsOwn(TinyProvider):
    """The body is decoded and written anew before it is checked."""

    def signature(self, secret: Secret, time: str, body: bytes) -> str:
        with suppress(ValueError, RecursionError):
            body = json.dumps(json.loads(body), separators=(",", ":")).encode()
        return super().signature(secret, time, body)


class VerifiesAnotherDocument(TinyProvider):
    """The framework's JSON is checked, not the raw bytes."""

    def signature(self, secret: Secret, time: str, body: bytes) -> str:
        with suppress(ValueError, RecursionError):
            body = json.dumps(json.loads(body)).encode()
        return super().signature(secret, time, body)


class DecodesTheBody(TinyProvider):
    """A body is text."""

    def signature(self, secret: Secret, time: str, body: bytes) -> str:
        return super().signature(secret, time, body.decode().encode())


class HasNoWindow(TinyProvider):
    """A signature is good for ever."""

    def check_time(self, seconds: int, now: Instant) -> None:
        pass


class LooksOnlyBack(TinyProvider):
    """A signature may come from the future."""

    def check_time(self, seconds: int, now: Instant) -> None:
        super().check_time(min(seconds, now // SECOND), now)


class HasANarrowWindow(TinyProvider):
    """Five seconds must do."""

    def check_time(self, seconds: int, now: Instant) -> None:
        if abs(now - seconds * SECOND) > 5 * SECOND:
            raise SignatureInvalid("more than five seconds")


class KnowsOneSecret(TinyProvider):
    """While secrets are rotated, half of the events are refused."""

    def verify(self, body: bytes, headers: Headers, *, now: Instant) -> None:
        secrets, self._secrets = self._secrets, self._secrets[:1]
        try:
            super().verify(body, headers, now=now)
        finally:
            self._secrets = secrets


class ReadsTheFirstSignature(TinyProvider):
    """While the provider signs with two secrets, only one of them is looked at."""

    def verify(self, body: bytes, headers: Headers, *, now: Instant) -> None:
        super().verify(body, [(name, value.partition(",")[0]) for name, value in headers], now=now)


class ReadsMoreThanIsKept(TinyProvider):
    """Where a header is there that is not stored with the event, it is part of what was signed."""

    def verify(self, body: bytes, headers: Headers, *, now: Instant) -> None:
        if any(name == "host" for name, _ in headers):
            self._hosts.add(hash(body))
        elif hash(body) in self._hosts:
            raise SignatureInvalid("the host is missing")
        super().verify(body, headers, now=now)

    @cached_property
    def _hosts(self) -> set[int]:
        return set()


class CrashesOnGarbage(TinyProvider):
    """The time is read before it is looked at."""

    def time_of(self, item: str) -> int:
        return int(item.removeprefix("t="))


class ComparesText(TinyProvider):
    """`compare_digest` takes text, as long as it is ASCII."""

    def verify(self, body: bytes, headers: Headers, *, now: Instant) -> None:
        for given in dict(headers).get(HEADER, "").partition(";")[2].split(","):
            hmac.compare_digest(given, "v1=")
        super().verify(body, headers, now=now)


class NamesHeadersInCapitals(TinyProvider):
    """The header is named as the provider writes it, and never found."""

    signature_headers = ("Tiny-Signature",)


class HasASwitchForTests(TinyProvider):
    """A variable of the environment turns the check off, as some libraries have it."""

    def verify(self, body: bytes, headers: Headers, *, now: Instant) -> None:
        if not os.environ.get("TEST_MODE"):
            super().verify(body, headers, now=now)


class TakesEveryAccountForItsOwn(TinyProvider):
    """Whoever knows the secret speaks for this account."""

    def parse(self, body: bytes) -> Event:
        return attrs.evolve(super().parse(body), account=self.account)


class TakesTestsForLive(TinyProvider):
    """An event has the mode of the connection that it came by."""

    def parse(self, body: bytes) -> Event:
        return attrs.evolve(super().parse(body), mode=self.connection.mode)
