"""Discretion: httpx logs the address of every request, and Paddle's may hold a customer's e-mail."""

from __future__ import annotations

import logging

import httpx

HTTPX = logging.getLogger("httpx")


class WithoutQueries(logging.Filter):
    """Takes the query off addresses of one origin before they are logged; others stay as they are."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        url = httpx.URL(base_url)
        self._origin = (url.scheme, url.host, url.port)

    def filter(self, record: logging.LogRecord) -> bool:
        """Always let it through."""
        if isinstance(record.args, tuple):
            record.args = tuple(self._discreet(one) for one in record.args)
        return True

    def _discreet(self, value: object) -> object:
        if isinstance(value, httpx.URL) and (value.scheme, value.host, value.port) == self._origin:
            return value.copy_with(query=None)
        return value

    def begin(self) -> None:
        """From now on."""
        HTTPX.addFilter(self)

    def end(self) -> None:
        """No more."""
        HTTPX.removeFilter(self)
