"""Identifiers as Stripe writes them: a prefix, and letters and digits that mean nothing."""

from __future__ import annotations

from purchase_core.identifiers import IdSource

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LENGTHS = {"cus": 14, "prod": 14, "cs_test": 58, "whsec": 32, "req": 14}
LENGTH = 24


class StripeIds:
    """Makes identifiers out of another source's, so that a seed repeats them."""

    def __init__(self, source: IdSource) -> None:
        self._source = source

    def new(self, prefix: str) -> str:
        """A new identifier such as `cus_QXg1o8vcGmoR32`."""
        length, letters = LENGTHS.get(prefix, LENGTH), ""
        while len(letters) < length:
            letters += _base62(int(self._source.new("id").rpartition("_")[2], 16))
        return f"{prefix}_{letters[:length]}"


def _base62(number: int) -> str:
    # The lowest digits first: those of the source that come first sort by time, and differ little.
    letters = ""
    while number:
        number, digit = divmod(number, len(ALPHABET))
        letters += ALPHABET[digit]
    return letters
