"""Text that every database can store, and names that are safe to show."""

from __future__ import annotations

from purchase_core.errors import InvalidArgument, InvalidText


def storable(name: str, text: str, *, characters_max: int) -> str:
    """The text, if every database can store it: no NUL, no lone surrogate, not too long.

    Raises InvalidText, naming the argument and never quoting the text.
    """
    if not isinstance(text, str):
        raise InvalidText(f"{name} must be text, not {type(text).__name__}")
    if len(text) > characters_max:
        raise InvalidText(f"{name} has {len(text)} characters; the limit is {characters_max}")
    if "\x00" in text:
        raise InvalidText(f"{name} holds a NUL character")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise InvalidText(f"{name} holds a lone surrogate") from None
    return text


def identifier(name: str, text: str, *, characters_max: int = 255) -> str:
    """Storable text that identifies something: not empty, no control characters, no blank ends."""
    storable(name, text, characters_max=characters_max)
    if not text:
        raise InvalidArgument(f"{name} is empty")
    if text != text.strip() or not text.isprintable():
        raise InvalidArgument(f"{name} has white space at an end, or characters that cannot be printed")
    return text
