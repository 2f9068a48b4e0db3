"""Somebody who visits the shop and its providers' pages: reads, chooses, presses buttons, follows links."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol
from urllib.parse import urlencode, urljoin

import httpx

from .pages import Form, Page, read_page

CALL_SECONDS_MAX = 30.0
REDIRECTS_MAX = 10
TO_PAYMENT = "Go to the payment"
PAYING = ("Pay", "Start trial")
CRASHED = 500


class Visitor(Protocol):
    """A browser, or something that acts like one. Every step leads to a page, which `page` then is."""

    async def open(self, url: str) -> None:
        """Go to an address."""

    async def follow(self, link: str) -> None:
        """Follow a link, by its words."""

    async def choose(self, words: str) -> None:
        """Choose what these words stand beside; the choice goes with whatever is pressed next."""

    async def fill(self, label: str, text: str) -> None:
        """Write into the field of this label; it goes with whatever is pressed next."""

    async def press(self, button: str) -> None:
        """Press a button, by its name."""

    async def url(self) -> str:
        """Where the visitor is."""

    async def page(self) -> Page:
        """What is seen there."""


class NotThere(Exception):
    """A page has no such link, choice or button, or was not there at all."""


class HttpVisitor(Visitor):
    """A visitor without a browser, over HTTP. `async with` it. `log` are the requests that were made."""

    def __init__(self) -> None:
        self._http = httpx.AsyncClient(timeout=CALL_SECONDS_MAX, follow_redirects=False, trust_env=False)
        self._url, self._page = "", Page()
        self._chosen: dict[str, str] = {}
        self.log: list[str] = []

    async def __aenter__(self) -> HttpVisitor:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def open(self, url: str) -> None:
        self.log.append(f"GET  {url}")
        await self._arrive(await self._send("GET", url))

    async def follow(self, link: str) -> None:
        if link not in self._page.links:
            raise NotThere(f"{self._url} has no link {link!r}")
        await self.open(urljoin(self._url, self._page.links[link]))

    async def choose(self, words: str) -> None:
        for form in self._page.forms:
            for label, (name, value) in form.choices.items():
                if words in label:
                    self._chosen[name] = value
                    return
        raise NotThere(f"{self._url} offers no {words!r}")

    async def fill(self, label: str, text: str) -> None:
        name = next((form.labels[label] for form in self._page.forms if label in form.labels), None)
        if name is None:
            raise NotThere(f"{self._url} has no field {label!r}")
        self._chosen[name] = text

    async def press(self, button: str) -> None:
        form, sends = self._button(button)
        known = {name for name, _ in form.choices.values()} | form.fields.keys()
        chosen = {name: value for name, value in self._chosen.items() if name in known}
        data = {**form.fields, **chosen, **sends}
        url = urljoin(self._url, form.action)
        if form.method == "get":
            await self.open(f"{url}?{urlencode(data)}")
            return
        said = " ".join(f"{name}={value}" for name, value in chosen.items())
        self.log.append(f"POST {url}  {said}".rstrip())
        await self._arrive(await self._send("POST", url, data))

    async def url(self) -> str:
        return self._url

    async def page(self) -> Page:
        return self._page

    @asynccontextmanager
    async def stream(self, url: str) -> AsyncIterator[AsyncIterator[str]]:
        """The lines of an answer that goes on, as they come."""
        async with self._http.stream("GET", url, timeout=None) as answer:
            yield answer.aiter_lines()

    async def _send(self, method: str, url: str, data: dict[str, str] | None = None) -> httpx.Response:
        try:
            return await self._http.request(method, url, data=data)
        except httpx.HTTPError as error:
            raise NotThere(f"{url}: {type(error).__name__}") from error

    async def _arrive(self, answer: httpx.Response) -> None:
        """Follow where an answer leads, and take in the page there."""
        for _ in range(REDIRECTS_MAX):
            if not answer.has_redirect_location:
                break
            to = urljoin(str(answer.url), answer.headers["location"])
            self.log.append(f"{answer.status_code}  {to}")
            answer = await self._send("GET", to)
        if answer.status_code == CRASHED:
            raise NotThere(f"{answer.url} was answered {answer.status_code}")
        self._url, self._page, self._chosen = str(answer.url), read_page(answer.text), {}

    def _button(self, name: str) -> tuple[Form, dict[str, str]]:
        for form in self._page.forms:
            for button in form.buttons:
                if button.name == name:
                    return form, dict(button.sends)
        raise NotThere(f"{self._url} has no button {name!r}")


async def pay(visitor: Visitor, card: str) -> None:
    """Pay on the page of whichever provider this is, with the test card that ends in these digits."""
    if TO_PAYMENT in (await visitor.page()).links:
        await visitor.follow(TO_PAYMENT)
    await visitor.choose(f"···· {card}")
    buttons = [one for one in (await visitor.page()).buttons() if one.startswith(PAYING)]
    if not buttons:
        raise NotThere(f"{await visitor.url()} has no button to pay with")
    await visitor.press(buttons[0])
