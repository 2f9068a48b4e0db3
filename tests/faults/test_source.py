"""What must be nowhere in the product's source: read from it, so that new code is held to it as well."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


TELLING = (
    ast.Assert, ast.Attribute, ast.Call, ast.Compare, ast.Import, ast.ImportFrom, ast.Name, ast.keyword,
)  # fmt: skip


@cache
def nodes() -> tuple[tuple[str, ast.AST], ...]:
    """What the tests look at, of every module that is shipped to run in an application, and its path."""
    found = [*ROOT.glob("purchase_core/**/*.py"), *ROOT.glob("plugins/*/purchase_*/**/*.py")]
    return tuple(
        (path.relative_to(ROOT).as_posix(), node)
        for path in sorted(found)
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, TELLING)
    )


def dotted(node: ast.AST) -> str:
    """A name with what stands before its dots, as far as that is names; of a call, what it calls."""
    if isinstance(node, ast.Call):
        return dotted(node.func)
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call."""
    for path, node in nodes():
        if isinstance(node, ast.Call):
            yield path, node


def test_the_product_is_found() -> None:
    paths = {path for path, _ in nodes()}
    assert {"purchase_core/secret.py", "plugins/purchase-sqlite/purchase_sqlite/store.py"} <= paths
    assert not [path for path in paths if "/tests/" in path]


# --- T02: nothing secret is compared by what stops at the first difference ------------------------

SECRETS = ("signature", "secret", "hmac", "api_key", "password", "token", "reveal")
PUBLIC = {"signature_headers"}  # their names


def named(node: ast.AST) -> set[str]:
    """The names in an expression."""
    inside = list(ast.walk(node))
    return {one.id for one in inside if isinstance(one, ast.Name)} | {
        one.attr for one in inside if isinstance(one, ast.Attribute)
    }


def test_t02_nothing_secret_is_compared_by_equality() -> None:
    found = [
        (path, ast.unparse(node))
        for path, node in nodes()
        if isinstance(node, ast.Compare)
        and any(isinstance(one, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for one in node.ops)
        and any(secret in name.lower() for name in named(node) - PUBLIC for secret in SECRETS)
    ]
    assert found == []


# --- T08: data is never code, and names no module --------------------------------------------------

CODE = {"pickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "copyreg", "yaml", "jsonpickle"}
ONLY_SAFELY = {("plugins/purchase-simulators/purchase_simulators/paddle/conformance.py", "yaml")}
RUNS = {"eval", "exec", "compile", "__import__", "breakpoint"}
IMPORTS_BY_NAME = {
    "purchase_core/__init__.py": "its own names, when they are first used",
    "purchase_core/console.py": "the console, by the one name of its distribution",
    "purchase_core/cli/main.py": "the module of a command, and the command of a plugin that was asked for",
    "purchase_core/cli/app.py": "the application, as it is called on the command line or configured",
    "purchase_core/plugins/registry.py": "the plugins that are configured",
    "plugins/purchase-sandbox/purchase_sandbox/local_providers.py": "one of the providers in its own list",
    "plugins/purchase-postgres/purchase_postgres/testing/servers.py": "the wheel of a server",
    "purchase_core/testing/simulation/running.py": "the store or scenario that an option names",
}


def test_t08_no_module_that_turns_data_into_code_is_imported() -> None:
    found = [
        (path, name)
        for path, node in nodes()
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None) or "", *(one.name for one in node.names)]
        if name.partition(".")[0] in CODE
    ]
    assert set(found) == ONLY_SAFELY


def test_t08_documents_are_loaded_by_a_loader_that_makes_nothing_but_data() -> None:
    loaders = [
        ast.unparse(keyword.value)
        for path, call in calls()
        if path in dict(ONLY_SAFELY) and dotted(call).startswith("yaml.")
        for keyword in call.keywords
    ]
    assert loaders == ["getattr(yaml, 'CSafeLoader', yaml.SafeLoader)"]


def test_t08_nothing_is_evaluated_and_only_configuration_names_modules() -> None:
    called = [(path, dotted(node)) for path, node in calls()]
    assert [one for one in called if one[1] in RUNS] == []
    by_name = re.compile(r"\b(import_module|spec_from_\w+|find_spec|entry_point\.load|load_setuptools_\w+)$")
    assert {path for path, name in called if by_name.search(name)} <= IMPORTS_BY_NAME.keys()


# --- T15: what the environment can say -----------------------------------------------------------

ENVIRONMENT = {
    "purchase_core/opening.py": "secrets, where the configuration says `env:NAME`",
    "purchase_core/cli/app.py": "which application a command is for",
    "purchase_core/cli/output.py": "whether output is coloured",
    "plugins/purchase-d1/purchase_d1/cli.py": "secrets, where an option says `env:NAME`",
    "plugins/purchase-sandbox/purchase_sandbox/cli.py": "secrets, where an option says `env:NAME`",
}


def imported(node: ast.ImportFrom) -> set[str]:
    """The names that are imported."""
    return {one.name for one in node.names}


def test_t15_the_environment_is_read_in_these_places_only() -> None:
    names = {"environ", "environb", "getenv", "getenvb"}
    reading = {
        path
        for path, node in nodes()
        if (isinstance(node, ast.Attribute) and dotted(node) in {f"os.{name}" for name in names})
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and names & imported(node))
        or (isinstance(node, ast.keyword) and node.arg in ("envvar", "auto_envvar_prefix", "allow_from_env"))
    }
    assert reading == ENVIRONMENT.keys()


def test_t15_no_check_is_one_that_optimising_leaves_out() -> None:
    """`python -O` drops assertions; what only tells a type checker that something is there may go."""
    asserted = [ast.unparse(node.test) for _, node in nodes() if isinstance(node, ast.Assert)]
    assert [one for one in asserted if not re.fullmatch(r"\w+ is not None", one)] == []
    assert [path for path, node in nodes() if isinstance(node, ast.Name) and node.id == "__debug__"] == []


# --- T16: no pattern works long on any input -------------------------------------------------------

UNBOUNDED = {
    r"[-_.]+": "in names of distributions; one repetition, and nothing after it",
    r"(\d{4})_\w+\.sql": "names of our own files",
    r"^--.*\n": "our own files",
    r"[^a-z0-9]+": "a name at a provider, which is bounded; one repetition, and nothing after it",
    r":p_(\w+)": "our own statements, when they are generated",
    r"[.\[\]]+": "the place of an error, as msgspec writes it; one repetition",
    r"CHECK constraint failed: (\w+)": "what a database says of our own tables",
    r"UNIQUE constraint failed: (\w+)\.(\w+)": "what a database says of our own tables",
    r"\s*([0-9]{1,4})\s*([a-z]{1,7})\s*": "a span of time on the command line; no part can be taken two ways",
}


# Compares what our own tests send with a provider's document; nothing from outside gets there.
FOR_TESTS = ("plugins/purchase-simulators/purchase_simulators/stripe/openapi.py",)


def patterns() -> Iterator[tuple[str, str]]:
    """Every regular expression, with where it stands. One that is not written out could be anything."""
    for path, node in nodes():
        if path in FOR_TESTS:
            continue
        if isinstance(node, ast.Call) and re.fullmatch(r"re\.(?!escape)\w+", dotted(node)):
            found: ast.expr = node.args[0]
        elif isinstance(node, ast.keyword) and node.arg == "pattern":
            found = node.value
        else:
            continue
        text = ast.literal_eval(found)
        yield path, text.decode() if isinstance(text, bytes) else text


def repeats_a_repetition(bare: str) -> bool:
    """Whether a group that repeats has a repetition in it, however deep. Escapes and classes are letters."""
    groups = [False]  # whether there is a repetition in each group that is open
    for at, one in enumerate(bare):
        if one == "(":
            groups.append(False)
        elif one == ")":
            inside, repeated = groups.pop(), bare[at + 1 : at + 2] in ("*", "+", "{")
            if inside and repeated:
                return True
            groups[-1] = groups[-1] or inside
        elif one in "*+{":
            groups[-1] = True
    return False


@pytest.mark.parametrize("pattern", ["(a+)+", "(a{1,9}){1,9}", "((a*)b)+", "(?:(x{2}|y)z)*", "((a|b+)?c){2}"])
def test_t16_a_repetition_in_a_repetition_is_seen(pattern: str) -> None:
    assert repeats_a_repetition(pattern)
    assert not repeats_a_repetition(pattern.rstrip("+*{}0123456789,"))


def test_t16_patterns_are_made_by_the_module_under_its_own_name_so_that_they_are_seen() -> None:
    elsewhere = [
        (path, ast.unparse(node))
        for path, node in nodes()
        if (isinstance(node, ast.ImportFrom) and node.module in ("re", "regex"))
        or (
            isinstance(node, ast.Import)
            and any(one.name in ("re", "regex") and one.asname for one in node.names)
        )
    ]
    assert elsewhere == []


def test_t16_every_pattern_bounds_its_repetitions_and_none_repeats_a_repetition() -> None:
    seen = set()
    for path, pattern in patterns():
        bare = re.sub(r"\[\^?\]?[^\]]*\]", "C", re.sub(r"\\.", "x", pattern))
        assert not repeats_a_repetition(bare), (path, pattern)
        if re.search(r"[*+]|,\}", bare):
            assert pattern in UNBOUNDED, (path, pattern)
            seen.add(pattern)
    assert seen == UNBOUNDED.keys()
