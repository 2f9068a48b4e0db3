"""Asks a running sandbox's control panel, for the command line."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

import httpx
import msgspec

from purchase_core.errors import InvalidArgument, MalformedBody
from purchase_core.ports.provider import calling
from purchase_core.secret import Secret
from purchase_core.strict_json import decode

from . import errors

CALL_SECONDS_MAX = 30.0
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
                raise errors.refusal(path, response.status_code, response.content, "", write=write)
            return _object(path, response.content, write=write)
        raise problem


def _object(path: str, body: bytes, *, write: bool) -> dict[str, object]:
    try:
        found = decode(body)
    except MalformedBody as error:
        raise calling.unclear(path, error.message, write=write) from None
    if not isinstance(found, dict):
        raise calling.unclear(path, "the answer is no JSON object", write=write)
    return found
