"""What passes between a client and the simulator, compared with Stripe's OpenAPI document.

For tests, and for `purchase sandbox serve --specs`. Needs the extra `specs`, and the document
(github.com/stripe/openapi), which is not part of this distribution. `StripeDocument` finds problems; `Watch`
is an ASGI application around another one, which collects those of every request and answer; `exceptions.toml`
holds what is newer than the document.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias

import attrs
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_simulators.wire.comparing import Documents, telling

from .forms import Form, decode
from .testing import WEBHOOK_SECRET, StripeHarness

EXCEPTIONS = Path(__file__).with_name("exceptions.toml")
DOCUMENTS = "stripe-openapi-*.json"
FORM = "application/x-www-form-urlencoded"

Schema: TypeAlias = dict[str, Any]
"""A JSON schema: any JSON."""


@attrs.frozen
class Problem:
    """Something that the document does not allow, and where."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@attrs.frozen
class Exempt:
    """What a newer version of the API allows, and the line of its changelog that says so."""

    where: str
    what: str
    changelog: str

    def covers(self, problem: Problem) -> bool:
        """Whether this is about that problem."""
        return bool(re.search(self.where, problem.where) and re.search(self.what, problem.what))


def exceptions(file: Path = EXCEPTIONS) -> tuple[Exempt, ...]:
    """The exceptions of a file."""
    return tuple(Exempt(**one) for one in tomllib.loads(file.read_text())["exception"])


class StripeDocument:
    """The document. Its schemas are compiled when the first is needed."""

    def __init__(self, file: Path) -> None:
        self._document: Schema = json.loads(file.read_text())
        self._paths = [
            (re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), path, operations)
            for path, operations in sorted(self._document["paths"].items(), key=lambda one: one[0].count("{"))
        ]

    @property
    def version(self) -> str:
        """The version of the API that it describes."""
        return str(self._document["info"]["version"])

    @cached_property
    def event_types(self) -> frozenset[str]:
        """Every type of event."""
        operation = self._document["paths"]["/v1/webhook_endpoints"]["post"]
        schema = operation["requestBody"]["content"][FORM]["schema"]
        return frozenset(schema["properties"]["enabled_events"]["items"]["enum"])

    def of_request(self, method: str, path: str, query: str, body: str) -> list[Problem]:
        """What is wrong with a request."""
        found = self._operation(method, path)
        if found is None:
            return [Problem(f"{method} {path}", "no such operation")]
        template, _ = found
        where = f"{method} {template}"
        document = _coerced(decode(query if method == "GET" else body), self._requests[where])
        return self._problems(where, f"request {where}", document)

    def of_answer(self, method: str, path: str, status: int, body: bytes) -> list[Problem]:
        """What is wrong with an answer."""
        found = self._operation(method, path)
        if found is None:
            return []
        template, operation = found
        responses = operation["responses"]
        code = str(status) if str(status) in responses else "default"
        where = f"{method} {template}"
        return self._problems(f"{where} {status}", f"answer {where} {code}", json.loads(body))

    def of_event(self, body: bytes) -> list[Problem]:
        """What is wrong with an event, and with the object that it carries."""
        event = json.loads(body)
        where = f"event {event['type']}"
        problems = self._problems(where, "object event", event)
        if event["type"] not in self.event_types:
            problems.append(Problem(where, f"{event['type']} is no type of event"))
        return problems + self.of_object(event["data"]["object"], where)

    def of_object(self, document: Mapping[str, Any], where: str) -> list[Problem]:
        """What is wrong with an object of the API."""
        name = str(document.get("object"))
        name = f"deleted_{name}" if document.get("deleted") else name
        if name not in self._document["components"]["schemas"]:
            return [Problem(where, f"{name} is no kind of object")]
        return self._problems(f"{where} {name}", f"object {name}", document)

    def _operation(self, method: str, path: str) -> tuple[str, Schema] | None:
        for pattern, template, operations in self._paths:
            if pattern.fullmatch(path) and method.lower() in operations:
                return template, operations[method.lower()]
        return None

    @cached_property
    def _requests(self) -> Mapping[str, Schema]:
        """What each operation takes, by "METHOD template"."""
        return {where: _closed(_request_schema(where, operation)) for where, operation in self._operations()}

    @cached_property
    def _validator(self) -> Any:
        """One for all, with each schema under a name: what is reached from one is most of the document."""
        import jsonschema_rs  # noqa: PLC0415  # only for those who compare

        schemas = self._document["components"]["schemas"]
        named = {f"request {where}": schema for where, schema in self._requests.items()}
        named |= {f"object {name}": {"$ref": f"#/components/schemas/{name}"} for name in schemas}
        for where, operation in self._operations():
            for code, response in operation["responses"].items():
                answer = response["content"].get("application/json", {}).get("schema", {})
                named[f"answer {where} {code}"] = _closed(_nullable(answer))
        known = {"schemas": {name: _closed(_nullable(one)) for name, one in schemas.items()}}
        schema: Any = {"properties": named, "additionalProperties": False, "components": known}
        return jsonschema_rs.validator_for(schema, validate_formats=False)

    def _operations(self) -> Iterator[tuple[str, Schema]]:
        for _, template, operations in self._paths:
            for method, operation in operations.items():
                yield f"{method.upper()} {template}", operation

    def _problems(self, where: str, name: str, document: object) -> list[Problem]:
        found = []
        for error in self._validator.iter_errors({name: document}):
            found += [Problem(where, what) for what in _told(error)]
        return found


class Watch:
    """An application that passes everything on, and collects what the document does not allow."""

    def __init__(self, app: ASGIApp, document: StripeDocument, allowed: Sequence[Exempt]) -> None:
        self._app = app
        self._document = document
        self._allowed = allowed
        self.problems: list[Problem] = []
        self.used: set[Exempt] = set()
        self.requests = self.answers = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self._app(scope, receive, send)
            return
        asked, answered, statuses = bytearray(), bytearray(), list[int]()

        async def hear() -> Message:
            message = await receive()
            asked.extend(message.get("body", b""))
            return message

        async def say(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
            answered.extend(message.get("body", b""))
            await send(message)

        await self._app(scope, hear, say)
        self._compare(scope, bytes(asked), statuses[0], bytes(answered))

    def note(self, problems: Iterable[Problem]) -> None:
        """Keep the problems that no exception covers."""
        for problem in problems:
            covering = [one for one in self._allowed if one.covers(problem)]
            self.used.update(covering)
            if not covering:
                self.problems.append(problem)

    def _compare(self, scope: Scope, asked: bytes, status: int, answered: bytes) -> None:
        method, path, query = scope["method"], scope["path"], scope["query_string"].decode()
        if status < 400:  # noqa: PLR2004  # what is refused may well be wrong
            self.requests += 1
            self.note(self._document.of_request(method, path, query, asked.decode()))
        if answered.startswith(b"{") and answered.rstrip().endswith(b"}"):
            self.answers += 1
            self.note(self._document.of_answer(method, path, status, answered))


class Undocumented(AssertionError):
    """Something passed that the document does not allow."""


class CheckedStripe(StripeHarness):
    """A harness that raises Undocumented at its end, if anything has passed that the document does not allow.

    Without a document it is a harness like any other.
    """

    def __init__(
        self,
        clock: ManualClock,
        document: StripeDocument | None,
        secrets: Sequence[Secret] = (WEBHOOK_SECRET,),
    ) -> None:
        self.document = document
        self.watch: Watch | None = None
        super().__init__(clock, secrets=secrets, around=self._around)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, trace)
        if self.watch is None or self.document is None or error is not None:
            return
        for event in self.account.book.events:
            self.watch.note(self.document.of_event(event.body))
        if self.watch.problems:
            raise Undocumented("\n".join(sorted({str(one) for one in self.watch.problems})))

    def _around(self, app: ASGIApp) -> ASGIApp:
        if self.document is None:
            return app
        self.watch = Watch(app, self.document, exceptions())
        return self.watch


@cache
def document_in(folder: Path) -> StripeDocument | None:
    """The newest of Stripe's documents in a folder, if there is one."""
    files = sorted(folder.glob(DOCUMENTS)) if folder.is_dir() else []
    return StripeDocument(files[-1]) if files else None


def compared(app: ASGIApp, documents: Documents) -> ASGIApp:
    """The application, and who hears of whatever passes that the document does not allow.

    Raises InvalidArgument where the document is not there.
    """
    document = document_in(documents.folder)
    if document is None:
        raise documents.missing("github.com/stripe/openapi", DOCUMENTS)
    return telling(Watch(app, document, exceptions()), documents.tell)


def report(folder: Path) -> str:
    """Whether there is anything to compare with, in a line."""
    document = document_in(folder)
    if document is None:
        return f"Stripe: NOT COMPARED with its OpenAPI document, which is not in {folder}"
    return f"Stripe: compared with its OpenAPI document {document.version}, {len(exceptions())} exceptions"


def _told(error: Any) -> list[str]:
    """What an error says. Of alternatives, that which comes closest; texts are left away."""
    path = list(error.instance_path)[1:]  # the first is the name of the schema
    place = "/".join(str(one) for one in path if not isinstance(one, int))
    kind = error.kind.name if hasattr(error.kind, "name") else type(error.kind).__name__
    context = getattr(error.kind, "context", None)
    if kind == "anyOf" and context:
        branches = [[what for one in branch for what in _told(one)] for branch in context]
        return min(branches, key=lambda branch: (sum("is not of type" in one for one in branch), len(branch)))
    return [f"{place}: {error.message}" if place else str(error.message)]


def _request_schema(where: str, operation: Schema) -> Schema:
    if not where.startswith("GET "):
        content = operation.get("requestBody", {}).get("content", {})
        schema: Schema = content.get(FORM, {}).get("schema", {})
        return schema
    properties = {
        one["name"]: one["schema"] for one in operation.get("parameters", []) if one["in"] == "query"
    }
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _closed(schema: Any) -> Any:
    """The schema, with nothing allowed that is not named."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _closed(one) for name, one in schema.items()}
    if isinstance(found.get("properties"), dict) and found.get("type") == "object":
        found.setdefault("additionalProperties", False)
    return found


def _nullable(schema: Any) -> Any:
    """OpenAPI 3.0's `nullable` as JSON schema has it."""
    if isinstance(schema, list):
        return [_nullable(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _nullable(one) for name, one in schema.items() if not name.startswith("x-")}
    return {"anyOf": [found, {"type": "null"}]} if found.pop("nullable", False) is True else found


def _coerced(value: Form, schema: Schema) -> object:
    """A form's texts as what the schema says that they are."""
    if value is None:
        return ""
    for branch in schema.get("anyOf", [schema]):
        found = _as(value, branch)
        if found is not None:
            return found
    return value


def _as(value: Form, schema: Schema) -> object:
    kind = schema.get("type")
    if isinstance(value, dict) and kind == "object":
        more = schema.get("additionalProperties")
        rest = more if isinstance(more, dict) else {}
        return {
            name: _coerced(one, schema.get("properties", {}).get(name, rest)) for name, one in value.items()
        }
    if isinstance(value, list) and kind == "array":
        return [_coerced(one, schema.get("items", {})) for one in value]
    if isinstance(value, list) and kind == "object":  # keys that are digits
        return {str(place): _coerced(one, {}) for place, one in enumerate(value)}
    if not isinstance(value, str):
        return None
    if kind == "string":
        return value if value in schema.get("enum", [value]) else None
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    if kind in ("integer", "number") and re.fullmatch(r"-?\d+(\.\d+)?", value):
        return int(value) if kind == "integer" and "." not in value else float(value)
    return None
