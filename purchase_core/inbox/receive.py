"""Receiving: bound the size, prove the signature, read the head. Nothing unverified gets further."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from purchase_core.errors import BodyTooLarge, SignatureInvalid, WrongAccount
from purchase_core.instants import Instant
from purchase_core.ports.provider import Event, Headers, Provider

RawHeaders: TypeAlias = Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]]

HEADER_COUNT_MAX = 200
HEADER_CHARACTERS_MAX = 16_384


def verified_event(
    provider: Provider, body: bytes, headers: Headers, *, now: Instant, bytes_max: int
) -> Event:
    """The event that the provider signed, if it did, and if it is of this connection's account and mode.

    Raises BodyTooLarge, SignatureInvalid, MalformedBody or WrongAccount.
    """
    if len(body) > bytes_max:
        raise BodyTooLarge(f"a body of {len(body)} bytes is over the limit of {bytes_max}")
    provider.verify(body, headers, now=now)
    return of_this_connection(provider, provider.parse(body))


def of_this_connection(provider: Provider, event: Event) -> Event:
    """The event, if it is of this connection's account and mode. Raises WrongAccount."""
    connection = provider.connection
    if event.mode != connection.mode:
        expected = f"connection {connection.name!r} is of {connection.mode}"
        raise WrongAccount(f"event {event.id} is of mode {event.mode}, {expected}")
    if event.account != provider.account:
        expected = f"connection {connection.name!r} is of {provider.account}"
        raise WrongAccount(f"event {event.id} is of account {event.account}, {expected}")
    return event


def read_headers(headers: RawHeaders) -> Headers:
    """Headers as text pairs with lower-case names. Raises SignatureInvalid on what cannot be headers."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    read: list[tuple[str, str]] = []
    for name, value in pairs:
        if len(read) == HEADER_COUNT_MAX or len(value) > HEADER_CHARACTERS_MAX:
            message = f"more than {HEADER_COUNT_MAX} headers, or one over {HEADER_CHARACTERS_MAX} characters"
            raise SignatureInvalid(message)
        read.append((_text(name).lower(), _text(value)))
    return read


def kept_headers(provider: Provider, headers: Headers) -> tuple[tuple[str, str], ...]:
    """The few headers that verification reads: stored with the event, so that replay can verify again."""
    return tuple((name, value) for name, value in headers if name in provider.signature_headers)


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
