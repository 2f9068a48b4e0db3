"""Every hook is documented where it is specified and on its page, and is tried by a test."""

from __future__ import annotations

import inspect
import re
import textwrap
from pathlib import Path

import pytest

from purchase_core import errors
from purchase_core.facts import effects
from purchase_core.plugins import hookspecs, listeners, scores
from purchase_core.plugins.installed import EXTRAS

TESTS = Path(__file__).parent
PAGE = (TESTS.parent.parent / "docs" / "hooks.md").read_text()
HOOKS = (*hookspecs.REGISTERING, *hookspecs.LISTENING)
each_hook = pytest.mark.parametrize("hook", HOOKS)


def example(hook: str) -> str:
    text = inspect.getdoc(getattr(hookspecs, hook)) or ""
    return textwrap.dedent(text.partition("Example:\n")[2]).strip()


def section(hook: str) -> str:
    return PAGE.partition(f"### {hook}\n")[2].partition("\n#")[0]


def test_the_two_lists_name_every_hook_and_nothing_else() -> None:
    specified = [name for name in vars(hookspecs) if name.startswith("purchase_")]
    assert sorted(HOOKS) == sorted(specified)
    assert len(set(HOOKS)) == len(HOOKS)


@each_hook
def test_a_hook_takes_at_most_two_arguments(hook: str) -> None:
    assert len(inspect.signature(getattr(hookspecs, hook)).parameters) <= 2


@each_hook
def test_a_hook_has_an_example_that_is_an_implementation_of_it(hook: str) -> None:
    specification = getattr(hookspecs, hook)
    start = "async def" if inspect.iscoroutinefunction(specification) else "def"
    words = ", ".join(inspect.signature(specification).parameters)
    assert example(hook).startswith(f"@hookimpl\n{start} {hook}({words}):\n    ")
    compile(example(hook), hook, "exec")


@each_hook
def test_a_hook_has_a_section_with_the_same_example(hook: str) -> None:
    assert f"```python\n{example(hook)}\n```" in section(hook)


@each_hook
def test_a_hook_is_implemented_by_a_test(hook: str) -> None:
    sources = "".join(path.read_text() for path in TESTS.glob("*.py") if path != Path(__file__))
    assert re.search(rf"@hookimpl\n +(async )?def {hook}\(", sources)


def test_the_page_says_the_limits_that_hold() -> None:
    assert hookspecs.PROJECT in PAGE
    assert listeners.HOOK_SECONDS_MAX == 2.0
    assert "two seconds (`HOOK_SECONDS_MAX`)" in PAGE
    assert f"{listeners.EVENTS_WAITING_MAX:,} are waiting" in PAGE
    assert listeners.CLOSING_SECONDS_MAX == 5.0
    assert "five seconds of closing" in PAGE
    assert f"more than {scores.EXCLUDED_CHARACTERS_MAX} characters" in PAGE
    assert ", ".join(f"`{extra}`" for extra in EXTRAS) in PAGE


def test_the_page_names_errors_that_exist() -> None:
    for name in set(re.findall(r"`(Plugin[A-Z]\w+|Checkout[A-Z]\w+)`", PAGE)) - {"PluginAPI"}:
        assert hasattr(errors, name) or hasattr(hookspecs, name), name


def test_the_page_names_the_effects_that_there_are() -> None:
    source = inspect.getsource(effects)
    told = re.findall(r'yield f?"([a-z]+\.[a-z{}._]+)"', source)
    assert told
    for name in told:
        assert f"`{name.replace('{row.kind}', '<kind>')}`" in PAGE
