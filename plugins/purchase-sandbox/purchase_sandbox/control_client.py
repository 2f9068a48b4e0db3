"""Asks a running sandbox's control panel, for the command line."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

import httpx
import msgspec

from purchase_core.errors import (
    AuthenticationFailed,
    InvalidArgument,
    MalformedBody,
    ProviderError,
    ProviderRefused,
)
from purchase_core.ports.provider import calling
from purchase_core.secret import Secret
from purchase_core.strict_json import decode

from . import errors

CALL_SECONDS_MAX = 30.0
MESSAGE_CHARACTERS_MAX = 500
OK = 200


class ControlClient:
    """One sandbox. Raises errors of ProviderError's branch."""

    def __init__(self, url: str, api_key: Secret, *, transport: httpx.BaseTransport | None = None) -> None:
        self._api_key = api_key
        try:
            self._http = httpx.Client(
                base_url=url,
                timeout=CALL_SECONDS_MAX,
                transport=transport,
                follow_redirects=False,
                trust_env=False,
            )
        except (httpx.InvalidURL, ValueError):
            raise InvalidArgument("--url is no address of a sandbox") from None

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str) -> dict[str, object]:
        """What is there."""
        return self._call("GET", path, b"")

    def post(self, path: str, fields: Mapping[str, str]) -> dict[str, object]:
        """Have something done."""
        return self._call("POST", path, msgspec.json.encode(fields))

    def _call(self, method: str, path: str, body: bytes) -> dict[str, object]:
        write = method == "POST"
        headers = {"authorization": f"Bearer {self._api_key.reveal()}", "content-type": "application/json"}
        try:
            response = self._http.request(method, path, content=body, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol):
            at = self._http.base_url
            problem = errors.unreachable(path, f"{at.scheme}://{at.netloc.decode()}")
        except httpx.HTTPError as error:
            raise calling.unclear(path, type(error).__name__, write=write) from None
        else:
            if response.status_code != OK:
                raise _refusal(path, response.status_code, response.content, write=write)
            return _object(path, response.content, write=write)
        raise problem


def _refusal(path: str, status: int, body: bytes, *, write: bool) -> ProviderError:
    """The error, in the sandbox's own words where it is about what was asked for: a person asks by hand."""
    problem = errors.refusal(path, status, body, "", write=write)
    if not isinstance(problem, ProviderRefused) or isinstance(problem, AuthenticationFailed):
        return problem
    try:
        said = msgspec.json.decode(body, type=_Refusal).error.message[:MESSAGE_CHARACTERS_MAX]
    except msgspec.MsgspecError:
        return problem
    return ProviderRefused(said or problem.message, provider_code=problem.provider_code)


class _Words(msgspec.Struct, frozen=True, kw_only=True):
    message: str = ""


class _Refusal(msgspec.Struct, frozen=True, kw_only=True):
    error: _Words


def _object(path: str, body: bytes, *, write: bool) -> dict[str, object]:
    try:
        found = decode(body)
    except MalformedBody as error:
        raise calling.unclear(path, error.message, write=write) from None
    if not isinstance(found, dict):
        raise calling.unclear(path, "the answer is no JSON object", write=write)
    return found
