"""URLs that a customer is sent back to: https, or http on this very machine."""

from __future__ import annotations

from urllib.parse import urlsplit

from purchase_core.errors import InvalidArgument

URL_CHARACTERS_MAX = 2_048
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def return_url(name: str, url: str) -> str:
    """The URL, if it can be given to a provider. Raises InvalidArgument, naming the argument."""
    if not isinstance(url, str) or not 0 < len(url) <= URL_CHARACTERS_MAX:
        raise InvalidArgument(f"{name} must be a URL of at most {URL_CHARACTERS_MAX} characters")
    if any(character <= " " or character in "\\\x7f" for character in url):
        raise InvalidArgument(f"{name} holds white space, a control character or a backslash")
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.username is not None or parts.password is not None:
        raise InvalidArgument(f"{name} must name a host, and no user")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in LOOPBACK):
        raise InvalidArgument(f"{name} must be https (http only on localhost)")
    return url
