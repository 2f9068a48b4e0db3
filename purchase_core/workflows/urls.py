"""URLs that a customer is sent back to: https, or http on this very machine.

Browsers and Python read odd URLs differently, and that is what open redirects are made of. So nothing odd
is accepted: absolute, ASCII only, an authority that is a plain host and port, nothing to decode in it.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import urlsplit

from purchase_core.errors import InvalidArgument

URL_CHARACTERS_MAX = 2_048
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})

_REFUSED = frozenset('\\"<>`')
_ALLOWED = frozenset(map(chr, range(0x21, 0x7F))).difference(_REFUSED)
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9.-]{1,253})(?::([0-9]{1,5}))?", re.ASCII)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
PORT_MAX = 65_535


def return_url(name: str, url: str) -> str:
    """The URL, if it can be given to a provider. Raises InvalidArgument, naming the argument, not the URL."""
    if not isinstance(url, str) or not 0 < len(url) <= URL_CHARACTERS_MAX:
        raise InvalidArgument(f"{name} must be a URL of at most {URL_CHARACTERS_MAX} characters")
    if not url.isascii():
        raise InvalidArgument(
            f"{name} is not ASCII", hint="Write hosts in punycode, and paths percent-encoded."
        )
    if not _ALLOWED.issuperset(url):
        raise InvalidArgument(f"{name} holds a blank, a control character, a backslash or a quotation mark")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise InvalidArgument(f"{name} is no URL") from None
    host = _host(parts.netloc.lower())
    if not host:
        raise InvalidArgument(f"{name} must be https://, a plain host, and a path; no user, no encoded host")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in LOOPBACK):
        raise InvalidArgument(f"{name} must be https (http only on localhost)")
    return url


def _host(authority: str) -> str:
    """The host of an authority that all readers agree on; "" if they might not."""
    found = _AUTHORITY.fullmatch(authority)
    if found is None or not 0 < int(found[2] or 443) <= PORT_MAX:
        return ""
    host = found[1]
    try:
        if host.startswith("["):
            IPv6Address(host[1:-1])
            return host
        labels = host.split(".")
        if not all(map(_LABEL.fullmatch, labels)):
            return ""
        if labels[-1].isdigit() or labels[-1].startswith("0x"):  # browsers take it for an address
            IPv4Address(host)
    except AddressValueError:
        return ""
    return host
