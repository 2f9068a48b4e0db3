"""A buyer without a browser: fetches pages, finds the forms on them, and sends them, as a browser would."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urljoin

import attrs
import httpx

CALL_SECONDS_MAX = 10.0


@attrs.define
class Form:
    """A form of a page: where it goes, and the fields that it sends."""

    action: str
    fields: dict[str, str] = attrs.Factory(dict)


class Buyer:
    """One visitor of shop and provider. `async with` it."""

    def __init__(self) -> None:
        self._http = httpx.AsyncClient(timeout=CALL_SECONDS_MAX, follow_redirects=False, trust_env=False)

    async def __aenter__(self) -> Buyer:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def read(self, url: str) -> str:
        """The page at an address. Raises httpx.HTTPError unless it is there."""
        answer = await self._http.get(url)
        return answer.raise_for_status().text

    async def send(self, url: str, form: Form, **choices: str) -> str:
        """Send a form of the page at `url`, and return where that leads. Raises httpx.HTTPError."""
        answer = await self._http.post(urljoin(url, form.action), data=form.fields | choices)
        if not answer.has_redirect_location:
            raise httpx.HTTPStatusError(
                f"the form at {url} was answered {answer.status_code}",
                request=answer.request,
                response=answer,
            )
        return urljoin(str(answer.url), answer.headers["location"])


def forms_of(page: str) -> list[Form]:
    """The forms of a page, in order."""
    reader = _FormReader()
    reader.feed(page)
    return reader.forms


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.forms.append(Form(found.get("action", "")))
        elif tag == "input" and self.forms and "name" in found and _is_sent(found):
            self.forms[-1].fields[found["name"]] = found.get("value", "")


def _is_sent(field: dict[str, str]) -> bool:
    return field.get("type") != "radio" or "checked" in field
