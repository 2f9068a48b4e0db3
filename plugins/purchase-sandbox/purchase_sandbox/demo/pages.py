"""What a page says and what can be done on it: its forms, links, and sections with tables and lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html.parser import HTMLParser

import attrs

VOID = frozenset({"area", "br", "col", "hr", "img", "input", "link", "meta", "wbr"})


@attrs.frozen
class Button:
    """A button: what it is called, and what it sends besides its form."""

    name: str
    sends: Mapping[str, str]


@attrs.define
class Form:
    """A form: where it goes, the fields that it sends, what could be chosen instead, and its buttons.

    `choices` are fields and values by the words that stand beside them, `labels` are names of fields.
    """

    action: str
    method: str = "post"
    fields: dict[str, str] = attrs.Factory(dict)
    choices: dict[str, tuple[str, str]] = attrs.Factory(dict)
    labels: dict[str, str] = attrs.Factory(dict)
    buttons: list[Button] = attrs.Factory(list)


@attrs.define
class Section:
    """What stands under a heading: the rows of its table, the items of its lists, and all of its words."""

    rows: list[tuple[str, ...]] = attrs.Factory(list)
    items: list[str] = attrs.Factory(list)
    words: str = ""


@attrs.define
class Page:
    """A page as a visitor takes it in.

    `notices` are what it wants to be heard first (alert, status), `pictures` what they say they show.
    """

    heading: str = ""
    words: str = ""
    forms: list[Form] = attrs.Factory(list)
    links: dict[str, str] = attrs.Factory(dict)
    sections: dict[str, Section] = attrs.Factory(dict)
    pictures: list[str] = attrs.Factory(list)
    notices: list[str] = attrs.Factory(list)

    def rows(self, section: str) -> Sequence[tuple[str, ...]]:
        """The rows of a section's table; none where it is not there."""
        return self.sections.get(section, Section()).rows

    def items(self, section: str) -> Sequence[str]:
        """The items of a section's lists."""
        return self.sections.get(section, Section()).items

    def buttons(self) -> Sequence[str]:
        """What can be pressed."""
        return [button.name for form in self.forms for button in form.buttons]


def read_page(html: str) -> Page:
    """Take in a page."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.page


@attrs.define
class _Open:
    """An element that has not ended."""

    tag: str
    attributes: dict[str, str]
    words: list[str] = attrs.Factory(list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self._open: list[_Open] = []
        self._section = Section()
        self._cells: list[str] = []
        self._radio: tuple[str, str] | None = None
        self._labels: dict[str, tuple[Form, str]] = {}

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.page.forms.append(Form(found.get("action", ""), found.get("method", "get").lower()))
        elif tag == "input":
            self._input(found)
        elif tag == "tr":
            self._cells = []
        if tag not in VOID:
            self._open.append(_Open(tag, found))

    def handle_data(self, data: str) -> None:
        if not any(one.tag in ("style", "script", "title") for one in self._open):
            for one in self._open:
                one.words.append(data)

    def handle_endtag(self, tag: str) -> None:
        while self._open:
            ended = self._open.pop()
            self._ended(ended, " ".join("".join(ended.words).split()))
            if ended.tag == tag:
                break

    def _ended(self, one: _Open, words: str) -> None:
        page = self.page
        match one.tag:
            case "body":
                page.words = words
            case "h1":
                page.heading = words
            case "h2":
                self._section = page.sections.setdefault(words, Section())
            case "section":
                self._section.words = words
            case "a" if "href" in one.attributes:
                page.links[words] = one.attributes["href"]
            case "label" | "option" | "button" if page.forms:
                self._control(page.forms[-1], one, words)
            case _:
                self._listed(one.tag, words)
        role = one.attributes.get("role")
        if role in ("alert", "status"):
            page.notices.append(words)
        elif role == "img":
            page.pictures.append(one.attributes.get("aria-label", ""))

    def _listed(self, tag: str, words: str) -> None:
        if tag == "li":
            self._section.items.append(words)
        elif tag == "td":
            self._cells.append(words)
        elif tag == "tr" and self._cells:
            self._section.rows.append(tuple(self._cells))

    def _control(self, form: Form, one: _Open, words: str) -> None:
        if one.tag == "option":
            self._option(form, one.attributes, words)
        elif one.tag == "button":
            self._button(form, one.attributes, words)
        elif self._radio:
            form.choices[words], self._radio = self._radio, None
        elif "for" in one.attributes:
            self._labels[one.attributes["for"]] = (form, words)

    def _input(self, found: dict[str, str]) -> None:
        if not self.page.forms or "name" not in found:
            return
        fields, name, value = self.page.forms[-1].fields, found["name"], found.get("value", "")
        form, words = self._labels.get(found.get("id", ""), (None, ""))
        if form is not None:
            form.labels[words] = name
        if found.get("type") == "radio":
            self._radio = (name, value)
        if found.get("type") not in ("radio", "checkbox") or "checked" in found:
            fields[name] = value

    def _option(self, form: Form, attributes: dict[str, str], words: str) -> None:
        select = next((one for one in reversed(self._open) if one.tag == "select"), None)
        if select is None or "name" not in select.attributes:
            return
        name, value = select.attributes["name"], attributes.get("value", words)
        form.choices[words] = (name, value)
        if "selected" in attributes or name not in form.fields:
            form.fields[name] = value

    def _button(self, form: Form, attributes: dict[str, str], words: str) -> None:
        sends = {attributes["name"]: attributes.get("value", "")} if "name" in attributes else {}
        form.buttons.append(Button(attributes.get("aria-label", words), sends))
