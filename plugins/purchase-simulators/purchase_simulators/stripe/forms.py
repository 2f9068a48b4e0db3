"""Form bodies as Stripe reads them: `items[0][price]=…` is nested, an empty value unsets."""

from __future__ import annotations

import re
from typing import TypeAlias, TypeVar
from urllib.parse import parse_qsl

import msgspec

from .refusal import Refusal, invalid

FIELDS_MAX = 1_000
DEPTH_MAX = 8

Form: TypeAlias = "dict[str, Form] | list[Form] | str | None"

_PART = re.compile(r"\[([^\[\]]{0,200})\]")
_UNKNOWN = re.compile(r"unknown field `([^`]{1,200})`")
_MISSING = re.compile(r"missing required field `([^`]{1,200})`")
_EXPECTED = re.compile(r"Expected `([^`]{1,200})`")


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a call takes. `expand` is on all of them."""

    expand: list[str] = []


P = TypeVar("P", bound=Params)


def decode(text: str) -> dict[str, Form]:
    """The nested form of `a[b][0][c]=d&…`. Raises Refusal."""
    found: dict[str, Form] = {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
    except (ValueError, UnicodeDecodeError):
        raise invalid("The request body could not be parsed as a form.") from None
    for key, value in pairs:
        path = _path(key)
        if len(path) > DEPTH_MAX:
            raise invalid("The parameters are nested too deeply.", param=path[0])
        _put(found, path, value or None)
    return {key: _listed(value) for key, value in found.items()}


def _path(key: str) -> list[str]:
    """`a[b][]` as a, b and nothing; a key that is not written so is one name."""
    name, bracket, rest = key.partition("[")
    parts = _PART.findall(bracket + rest)
    whole = name and "]" not in name and "".join(f"[{part}]" for part in parts) == bracket + rest
    return [name, *parts] if whole else [key]


def read(form: dict[str, Form], kind: type[P]) -> P:
    """The parameters of a call. Raises Refusal on what is missing, unknown or of the wrong kind."""
    try:
        return msgspec.convert(form, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _refusal(str(error)) from None


def _put(into: dict[str, Form], path: list[str], value: Form) -> None:
    name = path[0] or str(len(into))  # a[]=x&a[]=y
    if len(path) == 1:
        into[name] = value
        return
    inner = into.get(name)
    if not isinstance(inner, dict):
        inner = into[name] = {}
    _put(inner, path[1:], value)


def _listed(value: Form) -> Form:
    """Dictionaries whose keys are 0, 1, 2 … as lists."""
    if not isinstance(value, dict):
        return value
    inner = {key: _listed(one) for key, one in value.items()}
    if inner and all(key.isdecimal() for key in inner):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner


def _refusal(said: str) -> Refusal:
    what, _, place = said.partition(" - at `$")
    param = _as_param(place.rstrip("`"))
    unknown, lacking, expected = _UNKNOWN.search(what), _MISSING.search(what), _EXPECTED.search(what)
    if unknown:
        name = _inside(param, unknown[1])
        return invalid(f"Received unknown parameter: {name}", name, "parameter_unknown")
    if lacking:
        name = _inside(param, lacking[1])
        return invalid(f"Missing required param: {name}.", name, "parameter_missing")
    kind = expected[1].split(" ")[0] if expected else ""
    code = {"int": "parameter_invalid_integer", "str": "parameter_invalid_string_empty"}.get(kind, "")
    return invalid(f"Invalid {param or 'request'}: {what}", param, code)


def _as_param(place: str) -> str:
    first, *rest = [one for one in re.split(r"[.\[\]]+", place) if one] or [""]
    return first + "".join(f"[{one}]" for one in rest)


def _inside(param: str, name: str) -> str:
    return f"{param}[{name}]" if param else name
