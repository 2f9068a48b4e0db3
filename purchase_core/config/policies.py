"""From a table, as it is written in `purchase.toml`, to a policy; every problem of it at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import TypeVar, cast

import attrs
import msgspec

from purchase_core.config.tables import Table, refuse_unknown, without_values
from purchase_core.errors import ConfigurationError, PolicyInvalid, PurchaseError
from purchase_core.instants import Instant, instant
from purchase_core.ports.router import Attribute
from purchase_core.routing.attributes import BUILT_IN, FLAG, KINDS, NUMBER, TEXT
from purchase_core.routing.conditions import Between, Condition, Is, NoneOf, OneOf
from purchase_core.routing.policy import (
    Guardrail,
    HealthPolicy,
    Maintenance,
    Policy,
    Rule,
    Sameness,
    Scoring,
    Stickiness,
    Terms,
)
from purchase_core.routing.problems import problems

T = TypeVar("T")
D = TypeVar("D")

_NOTHING: Table = {}


def read_policy(table: Table, *, where: str = "policy") -> Policy:
    """The policy of a table. Raises PolicyInvalid with every problem that can be seen without a catalog."""
    policy, found = _Reading(where).policy(table)
    found += problems(policy)
    if found:
        raise PolicyInvalid(found)
    return policy


class _Reading:
    """Reads part by part; what cannot be read is a problem, and the default stands in for it."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._found: list[str] = []

    def policy(self, table: Table) -> tuple[Policy, list[str]]:
        fields = {field.name for field in attrs.fields(Policy)}
        self._try(lambda: refuse_unknown(table, fields, where=self._where), None)
        attributes = self._each(self._tables(table, "attributes"), _attribute)
        plain = ("name", "salt", "share", "share_by", "unknown_country", "require_price")
        policy = self._read(Policy, {key: table[key] for key in plain if key in table}, self._where)
        known = {**BUILT_IN, **attributes}
        connections = self._each(self._tables(table, "connections"), self._terms)
        rules = [
            self._try(partial(self._rule, number, written, known), None)
            for number, written in enumerate(self._list(table.get("rules", ()), "rules"), 1)
        ]

        def section(kind: type[T], key: str) -> T:
            read = self._read(kind, self._tables(table, key), f"{self._where} [{key}]")
            return kind() if read is None else read

        policy = attrs.evolve(
            policy or Policy(),
            attributes=attributes,
            connections=connections,
            rules=tuple(rule for rule in rules if rule is not None),
            guardrail=section(Guardrail, "guardrail"),
            stickiness=section(Stickiness, "stickiness"),
            sameness=section(Sameness, "sameness"),
            score=section(Scoring, "score"),
            health=section(HealthPolicy, "health"),
        )
        return policy, self._found

    # --- parts ---------------------------------------------------------------------------------

    def _terms(self, name: str, written: object) -> Terms:
        if not isinstance(written, Mapping):
            raise ConfigurationError(f"connection {name!r} must be a table")
        windows = self._list(written.get("maintenance", ()), f"maintenance of {name!r}")
        plain = {key: value for key, value in written.items() if key != "maintenance"}
        terms = self._read(Terms, plain, f"connection {name!r}") or Terms()
        read = [self._try(partial(_maintenance, name, window), None) for window in windows]
        return attrs.evolve(terms, maintenance=tuple(one for one in read if one is not None))

    def _rule(self, number: int, written: object, known: Mapping[str, Attribute]) -> Rule:
        if not isinstance(written, Mapping):
            raise ConfigurationError(f"rule {number} must be a table")
        name = written.get("name") or f"rule {number}"
        where = f"rule {str(name)[:100]!r}"
        plain = {key: value for key, value in written.items() if key != "when"}
        rule = self._read(Rule, {**plain, "name": name}, where) or Rule(str(name))
        when = written.get("when", _NOTHING)
        if not isinstance(when, Mapping):
            raise ConfigurationError(f"{where}: `when` must be a table")
        read = {
            str(key): self._try(partial(_condition, f"{where}: {key}", str(key), value, known), None)
            for key, value in when.items()
        }
        return attrs.evolve(rule, when={key: one for key, one in read.items() if one is not None})

    # --- reading ---------------------------------------------------------------------------------

    def _each(self, tables: Table, read: Callable[[str, object], T]) -> dict[str, T]:
        found = {
            str(name): self._try(partial(read, str(name), written), None) for name, written in tables.items()
        }
        return {name: one for name, one in found.items() if one is not None}

    def _tables(self, table: Table, key: str) -> Table:
        found = table.get(key, _NOTHING)
        if isinstance(found, Mapping):
            return found
        self._problem(f"{key!r} must be a table")
        return _NOTHING

    def _list(self, written: object, where: str) -> tuple[object, ...]:
        if isinstance(written, list | tuple):
            return tuple(written)
        self._problem(f"{where} must be a list")
        return ()

    def _read(self, kind: type[T], table: Table, where: str) -> T | None:
        """An attrs class from a table, strictly; None, and a problem, where it cannot be read."""

        def read() -> T:
            fields = [field.name for field in attrs.fields(cast("type[attrs.AttrsInstance]", kind))]
            refuse_unknown(table, fields, where=where)
            try:
                return msgspec.convert(dict(table), type=kind, strict=True)
            except msgspec.ValidationError as error:
                raise ConfigurationError(f"{where}: {without_values(error)}") from None

        return self._try(read, None)

    def _try(self, work: Callable[[], T], default: D) -> T | D:
        try:
            return work()
        except PurchaseError as error:
            self._problem(str(error).replace("\n  ", " "))
            return default

    def _problem(self, message: str) -> None:
        self._found.append(message)


def _attribute(name: str, written: object) -> Attribute:
    if name in BUILT_IN:
        raise ConfigurationError(f"attribute {name!r} is built in, and cannot be declared")
    if isinstance(written, str) and written in KINDS:
        return Attribute(written)
    if isinstance(written, list | tuple) and written and all(isinstance(one, str) for one in written):
        return Attribute(TEXT, tuple(sorted(written)))
    raise ConfigurationError(f"attribute {name!r} must be {', '.join(KINDS)}, or a list of its values")


def _maintenance(name: str, written: object) -> Maintenance:
    if not isinstance(written, Mapping) or set(written) != {"starts", "ends"}:
        raise ConfigurationError(f"maintenance of {name!r} must have `starts` and `ends`")
    starts, ends = (_number(written[key]) for key in ("starts", "ends"))
    if starts is None or ends is None:
        raise ConfigurationError(f"maintenance of {name!r}: must be times with a zone")
    if starts >= ends:
        raise ConfigurationError(f"maintenance of {name!r} ends before it starts")
    return Maintenance(Instant(starts), Instant(ends))


def _condition(where: str, name: str, written: object, known: Mapping[str, Attribute]) -> Condition:
    attribute = known.get(name)
    if attribute is None:
        raise ConfigurationError(f"{where}: no such attribute; there are {', '.join(sorted(known))}")
    if attribute.kind == FLAG:
        if not isinstance(written, bool):
            raise ConfigurationError(f"{where}: must be true or false")
        return Is(written)
    return _between(where, written) if attribute.kind == NUMBER else _texts(where, written)


def _texts(where: str, written: object) -> OneOf | NoneOf:
    negated = isinstance(written, Mapping) and set(written) == {"not"}
    values = written["not"] if isinstance(written, Mapping) and negated else written
    listed = [values] if isinstance(values, str) else values
    if not isinstance(listed, list | tuple) or not all(isinstance(one, str) for one in listed):
        raise ConfigurationError(f'{where}: must be a text, a list of texts, or {{ not = ["..."] }}')
    return (NoneOf if negated else OneOf)(tuple(sorted(set(listed))))


def _between(where: str, written: object) -> Between:
    bounds = written if isinstance(written, Mapping) else {"least": written, "most": written}
    if not bounds or not set(bounds) <= {"least", "most"} or None in map(_number, bounds.values()):
        raise ConfigurationError(f"{where}: must be a whole number, a time, or {{ least = .., most = .. }}")
    return Between(_number(bounds.get("least")), _number(bounds.get("most")))


def _number(written: object) -> int | None:
    if isinstance(written, datetime) and written.tzinfo is not None:
        return instant(written)
    return written if isinstance(written, int) and not isinstance(written, bool) else None
