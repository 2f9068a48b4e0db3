"""T7: prefix and schema are all input that becomes part of a statement's text, and can only be names."""

from __future__ import annotations

import contextlib
import re
import string
from collections.abc import Callable

import pytest

from purchase_core.errors import InvalidArgument
from purchase_sql.generated.postgresql import STATEMENTS as POSTGRES
from purchase_sql.generated.sqlite import STATEMENTS
from purchase_sql.migration import migrations
from purchase_sql.prefix import PREFIX_CHARACTERS_MAX, checked_prefix, checked_schema
from purchase_sql.texts import texts

SCRIPTS = (
    "\"; DROP TABLE lanes; --", "'; DROP TABLE lanes; --", "a'; --", "a\"", "a`", "a]", "[a", "a;",
    "a--", "a/*", "a.b", "main.", "a b", "a\tb", "a\nb", "a\n", "\na", "a\r", "a\x00", "\x00", "a\x0b",
    "a\x1b[2J", " a", "a ", "{prefix}", "{0}", "%s", "%(a)s", "?1", ":a", "$1", "@a", "a(", "a)", "a,",
    "a=1", "a||b", "a\\", "a'--", "\\", "1", "1a", "0_", "999999999", "A", "aB", "PURCHASE_",
    "\u00dcn\u00ef", "\u00e9", "\u00df", "\u00f1_", "\u0430", "\uff41", "a\uff41", "\u0131", "\ufb01",
    "a\u0301", "a\u200b", "\u202ea", "a\u202e", "\ufeffa", "\U0001f9fe", "a\U0001f9fe", "\ud800",
    "a\udfff", "\u0663", "a\u0663", "\u00b2", "a\u00b2", "\u2167", "_\u00e9", "a" * 49, "a" * 255,
    "a" * 100000, "_" * 49, "sqlite_", "sqlite_a", "_cf_", "_cf_kv", "public.", "a-b", "a+b", "../a",
    "a/b", "a\\b", "file:a", "a&b", "a|b", "a!b", "a~", "a^", "a#", "<a>", "a*", "a?b",
)  # fmt: skip
HOSTILE = (
    *SCRIPTS,
    *(f"app{one}" for one in string.punctuation + string.whitespace if one != "_"),
    *(f"{one}app" for one in string.punctuation + string.whitespace if one != "_"),
    *(f"ap{one}p_" for one in string.ascii_uppercase),
    *(f"{one}app_" for one in string.digits),
)


def test_there_are_enough_hostile_names() -> None:
    assert len(set(HOSTILE)) >= 200


@pytest.mark.parametrize(
    "use",
    [checked_prefix, lambda one: texts(STATEMENTS, one), lambda one: migrations("sqlite", one)],
    ids=["prefix", "statements", "migrations"],
)
def test_t07_a_hostile_prefix_is_refused(use: Callable[[str], object]) -> None:
    accepted = []
    for prefix in HOSTILE:
        with contextlib.suppress(InvalidArgument):
            use(prefix)
            accepted.append(prefix)
    assert accepted == []


@pytest.mark.parametrize(
    "use",
    [
        checked_schema,
        lambda one: texts(POSTGRES, "", one),
        lambda one: migrations("postgresql", "", one),
    ],
    ids=["schema", "statements", "migrations"],
)
def test_t07_a_hostile_schema_is_refused(use: Callable[[str], object]) -> None:
    accepted = []
    for schema in (*HOSTILE, "pg_", "pg_catalog", "information_schema"):
        with contextlib.suppress(InvalidArgument):
            use(schema)
            accepted.append(schema)
    assert accepted == ["sqlite_", "sqlite_a", "_cf_", "_cf_kv"]  # names like any other to Postgres


@pytest.mark.parametrize("schema", ["", "a", "billing", "select", "a" * 48])
def test_a_schema_stands_before_every_table_and_nowhere_else(schema: str) -> None:
    qualified = f'"{schema}".' if schema else ""
    ready = [
        *texts(POSTGRES, "app_", schema).all,
        *(one for step in migrations("postgresql", "app_", schema) for one in step.statements),
    ]
    tables = {name for step in migrations("postgresql", "app_", schema) for name in step.tables}
    for statement in ready:
        assert "{" not in statement
        named = re.findall(r'((?:"\w+"\.)?)"(app_\w+)"', statement)
        making = statement.startswith("CREATE")
        assert {before for before, name in named if not making or before} <= {qualified}
        assert [name for before, name in named if before == qualified and name in tables]


@pytest.mark.parametrize("prefix", [7, None, b"app_", ["app_"]])
def test_a_prefix_of_another_type_is_refused(prefix: object) -> None:
    with pytest.raises(InvalidArgument):
        checked_prefix(prefix)  # type: ignore[arg-type]


@pytest.mark.parametrize("prefix", ["a", "_", "app_", "a1", "order", "select", "a" * PREFIX_CHARACTERS_MAX])
def test_a_prefix_stands_in_quoted_names_only(prefix: str) -> None:
    ready = [
        *texts(STATEMENTS, prefix).all,
        *(one for step in migrations("sqlite", prefix) for one in step.statements),
    ]
    for shipped in STATEMENTS.values():
        outside = re.sub(r'"\{prefix\}\w+"', "", shipped)
        assert "{" not in outside
    for statement in ready:
        assert "{prefix}" not in statement
        assert f'"{prefix}' in statement
