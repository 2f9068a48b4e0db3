"""Holds whatever is sent and answered against Paddle's own OpenAPI document.

    document = document_in(folder)  # needs the extra `specs`
    app = Conformance(application(simulator), document)
    ...
    assert app.problems == []

For tests, and for `purchase sandbox serve --specs`. The document is Paddle's, and no part of this package.
What differs on purpose stands in `deviations.py`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

import attrs
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from purchase_simulators.wire.comparing import Documents, telling

from .deviations import ADDITIONS, OPERATIONS, PARAMETERS
from .shapes import Document

BASE = "urn:paddle"
NOT_PADDLES = ("/simulator/", "/sandbox/", "/checkout", "/portal/")
OPENAPI = "paddle-openapi-2025-05-27.yaml"
PROBLEM_CHARACTERS_MAX = 300


@attrs.frozen
class Problem:
    """Something that Paddle's document does not allow."""

    where: str
    place: str
    message: str

    def __str__(self) -> str:
        return (
            f"{self.where}: {self.place}: {self.message}" if self.place else f"{self.where}: {self.message}"
        )


class PaddleDocument:
    """Paddle's OpenAPI document, and validators for its parts."""

    def __init__(self, document: Document) -> None:
        import jsonschema_rs  # noqa: PLC0415  # needed for tests alone

        for addition in ADDITIONS:
            addition.apply(document)
        self._document = document = closed(document)
        resource: Any = document
        self._registry = jsonschema_rs.Registry([(BASE, resource)])
        self._validator_for = jsonschema_rs.validator_for
        self._validators: dict[str, Any] = {}

    def examples(self) -> Iterator[Document]:
        """Paddle's own examples of webhooks."""
        for webhook in self._document["webhooks"].values():
            content = self._resolved(webhook["post"]["requestBody"])["content"]["application/json"]
            for example in content.get("examples", {}).values():
                yield self._resolved(example)["value"]

    def request(self, method: str, path: str, query: str, body: bytes) -> list[Problem]:
        """What is wrong with a request."""
        where = f"{method} {path}"
        template, operation = self.operation(method, path)
        if operation is None:
            return [Problem(where, "", "no such operation")]
        where = f"{method} {template}"
        problems = self._query(where, template, operation, query)
        schema = _pointer("paths", template, method.lower(), "requestBody")
        content = operation.get("requestBody")
        if content and body:
            at = self._follow(content, schema)
            problems += self._check(f"{where} request", f"{at}/content/application~1json/schema", body)
        elif body:
            problems.append(Problem(where, "", "takes no body"))
        return problems

    def response(self, method: str, path: str, status: int, body: bytes) -> list[Problem]:
        """What is wrong with an answer."""
        template, operation = self.operation(method, path)
        if operation is None:
            return []
        where = f"{method} {template} {status}"
        code = str(status) if str(status) in operation["responses"] else "default"
        found = operation["responses"].get(code)
        if found is None or (code == "default" and status < 400):  # noqa: PLR2004
            return [Problem(where, "", "no such status")]
        at = self._follow(found, _pointer("paths", template, method.lower(), "responses", code))
        if not body:
            return []
        return self._check(where, f"{at}/content/application~1json/schema", body)

    def event(self, body: bytes) -> list[Problem]:
        """What is wrong with a webhook."""
        type_ = json.loads(body)["event_type"]
        webhook = self._document["webhooks"].get(type_)
        if webhook is None:
            return [Problem(f"event {type_}", "", "no such event")]
        at = self._follow(webhook["post"]["requestBody"], _pointer("webhooks", type_, "post", "requestBody"))
        return self._check(f"event {type_}", f"{at}/content/application~1json/schema", body)

    def _check(self, where: str, pointer: str, body: bytes) -> list[Problem]:
        validator = self._validators.get(pointer)
        if validator is None:
            validator = self._validator_for(
                {"$ref": f"{BASE}#{pointer}"}, registry=self._registry, validate_formats=True
            )
            self._validators[pointer] = validator
        return [
            Problem(where, "/".join(map(str, error.instance_path)), error.message[:PROBLEM_CHARACTERS_MAX])
            for error in validator.iter_errors(json.loads(body))
        ]

    def _query(self, where: str, template: str, operation: Document, query: str) -> list[Problem]:
        shared = self._document["paths"][template].get("parameters", [])
        parameters = [*operation.get("parameters", []), *shared]
        names = {self._resolved(one)["name"] for one in parameters} | PARAMETERS.get(template, frozenset())
        return [
            Problem(f"{where} query", name, "no such parameter")
            for name, _ in parse_qsl(query, keep_blank_values=True)
            if name.partition("[")[0] not in names
        ]

    def operation(self, method: str, path: str) -> tuple[str, Document | None]:
        """The template of a path, and what a method does there; fixed paths come before parameters."""
        fitting = [one for one in self._document["paths"] if _fits(path, one)]
        for template in sorted(fitting, key=lambda one: one != path):
            if method.lower() in self._document["paths"][template]:
                return template, self._document["paths"][template][method.lower()]
        return path, None

    def _follow(self, node: Document, pointer: str) -> str:
        return str(node["$ref"]).removeprefix("#") if "$ref" in node else pointer

    def _resolved(self, node: Document) -> Document:
        while "$ref" in node:
            parts = str(node["$ref"]).removeprefix("#/").split("/")
            node = self._document
            for part in parts:
                node = node[part]
        return node


class Conformance:
    """An application whose requests and answers are all held against the document.

    `problems` are what differs; nothing is looked at unless `watching`. `seen` counts operations with their
    status.
    """

    def __init__(self, app: ASGIApp, document: PaddleDocument, *, ignored: tuple[str, ...]) -> None:
        self._app, self._document, self._ignored = app, document, ignored
        self.watching = True
        self.problems: list[Problem] = []
        self.seen: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self.watching or scope["type"] != "http" or scope["path"].startswith(self._ignored):
            await self._app(scope, receive, send)
            return
        request, answer = bytearray(), bytearray()
        status = 0

        async def receiving() -> Message:
            message = await receive()
            request.extend(message.get("body", b""))
            return message

        async def sending(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            answer.extend(message.get("body", b""))
            await send(message)

        await self._app(scope, receiving, sending)
        method, path = scope["method"], scope["path"]
        self.seen[f"{method} {self._document.operation(method, path)[0]} {status}"] += 1
        if (method, path) in OPERATIONS:
            return
        if status < 400:  # noqa: PLR2004  # a request that is refused may well be wrong: that is what is refused
            query = scope["query_string"].decode()
            self.problems += self._document.request(method, path, query, bytes(request))
        self.problems += self._document.response(method, path, status, bytes(answer))

    def event(self, body: bytes) -> None:
        """Hold a webhook against the document."""
        self.seen[f"event {json.loads(body)['event_type']}"] += 1
        self.problems += self._document.event(body)


def document_in(folder: Path) -> PaddleDocument | None:
    """Paddle's document in a folder, if it is there."""
    import yaml  # noqa: PLC0415  # only for those who compare

    path = folder / OPENAPI
    if not path.is_file():
        return None
    found = yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    # What YAML takes for points in time becomes text again, as it is on the wire.
    return PaddleDocument(
        json.loads(json.dumps(found, default=lambda time: time.isoformat().replace("+00:00", "Z")))
    )


def compared(app: ASGIApp, documents: Documents, *, ignored: tuple[str, ...]) -> ASGIApp:
    """The application, and who hears of whatever passes that the document does not allow.

    Raises InvalidArgument where the document is not there.
    """
    document = document_in(documents.folder)
    if document is None:
        raise documents.missing("github.com/PaddleHQ/paddle-openapi", OPENAPI)
    return telling(Conformance(app, document, ignored=ignored), documents.tell)


def closed(document: Document) -> Document:
    """The document with its objects closed: a field that it does not name is a mistake.

    Parts that are put together with others (`allOf`) stay open, since each names only its own fields; what
    they are put together into is closed.
    """
    shared = frozenset(_shared_parts(document))
    schemas = {
        name: _close(schema, shared, part=f"#/components/schemas/{name}" in shared)
        for name, schema in document["components"]["schemas"].items()
    }
    components = document["components"] | {"schemas": schemas}
    more = {name: _close(document[name], shared) for name in ("paths", "webhooks")}
    return document | {"components": components} | more


def _shared_parts(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (one["$ref"] for one in node.get("allOf", ()) if "$ref" in one)
        for value in node.values():
            yield from _shared_parts(value)
    elif isinstance(node, list):
        for value in node:
            yield from _shared_parts(value)


def _close(node: Any, shared: frozenset[str], *, part: bool = False) -> Any:
    if isinstance(node, list):
        return [_close(one, shared) for one in node]
    if not isinstance(node, dict):
        return node
    if node.get("$ref") in shared and not part:
        return {"allOf": [node], "unevaluatedProperties": False}
    found = {
        name: [_close(one, shared, part=True) for one in value] if name == "allOf" else _close(value, shared)
        for name, value in node.items()
    }
    if part or "additionalProperties" in node:
        return found
    if "allOf" in node:
        return found | {"unevaluatedProperties": False}
    if isinstance(node.get("properties"), dict) and "object" in str(node.get("type", "")):
        return found | {"additionalProperties": False}
    return found


def _fits(path: str, template: str) -> bool:
    """Whether a path is one of a template's: part by part, `{…}` for whatever is there."""
    parts, wanted = path.split("/"), template.split("/")
    pairs = zip(parts, wanted, strict=False)
    return len(parts) == len(wanted) and all(
        bool(part) if want.startswith("{") else part == want for part, want in pairs
    )


def _pointer(*parts: str) -> str:
    escaped = (part.replace("~", "~0").replace("/", "~1") for part in parts)
    return "".join(f"/{quote(part, safe='~-._')}" for part in escaped)
