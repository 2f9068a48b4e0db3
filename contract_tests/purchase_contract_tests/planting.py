"""Planting bugs in an adapter of your own, one at a time, to see that something catches each.

A contract that an adapter keeps says little if it would keep a broken one too. So break it on purpose:

    BUGS = Bugs("Acme's adapter")

    @BUGS.caught_by("f38_the_same_key_refunds_once")
    def sends_no_key(patch: pytest.MonkeyPatch) -> None:
        '''The idempotency key stays at home.'''
        patch.setattr(acme.client, "headers", lambda key: {})

    @pytest.mark.parametrize("bug", BUGS.all, ids=str)
    def test_a_planted_bug_is_caught(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
        assert BUGS.caught(bug, TestAcmeProvider, monkeypatch)

A bug that no promise can see names a check of the adapter's own: a callable that raises if it notices.
`section` and `written_into` put the table into a page.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, TypeAlias

import attrs
import pytest

from purchase_contract_tests.contract import Contract
from purchase_contract_tests.verify import Verdict, outcome

Plant: TypeAlias = Callable[[pytest.MonkeyPatch], None]
Check: TypeAlias = Callable[[], None]


@attrs.frozen
class Bug:
    """One bug: what is wrong, how it is planted, and what must catch it: a promise, or a check's name."""

    name: str
    what: str
    catcher: str
    plant: Plant = attrs.field(repr=False)
    check: Check | None = attrs.field(default=None, repr=False)

    def __str__(self) -> str:
        return self.name


class Bugs:
    """The bugs that are planted in one adapter, in the order in which they are written."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.all: list[Bug] = []

    def caught_by(self, catcher: str, check: Check | None = None) -> Callable[[Plant], Plant]:
        """Above a function that plants a bug; its docstring says what is wrong."""

        def keep(plant: Plant) -> Plant:
            what = " ".join((plant.__doc__ or "").split())
            if not what:
                raise ValueError(f"{plant.__name__} does not say what is wrong")
            self.all.append(Bug(plant.__name__, what, catcher, plant, check))
            return plant

        return keep

    def caught(self, bug: Bug, contract: type[Contract[Any]], patch: pytest.MonkeyPatch) -> bool:
        """Plant a bug; whether it is caught. Raises KeyError if no promise is called so.

        A check is made before, too, and raises if it finds fault with what is sound.
        """
        if bug.check is not None:
            bug.check()
        bug.plant(patch)
        if bug.check is not None:
            try:
                bug.check()
            except (Exception, pytest.fail.Exception):
                return True
            return False
        promise = contract.promises()[bug.catcher]
        return asyncio.run(outcome(contract(), promise)).verdict is Verdict.BROKEN

    def section(self) -> str:
        """The table, in Markdown, under its heading."""
        rows = "".join(f"| {one.name} | {one.what} | `{one.catcher}` |\n" for one in self.all)
        head = "| the bug | what is wrong | caught by |\n|---|---|---|\n"
        return f"## {len(self.all)} bugs in {self.title}\n\n{head}{rows}"


def written_into(page: str, mark: str, section: str) -> str:
    """A page with the section between `<!-- mark -->` and `<!-- /mark -->`. Raises ValueError without."""
    begin, end = f"<!-- {mark} -->\n", f"<!-- /{mark} -->"
    found = re.search(f"(?s){re.escape(begin)}.*?{re.escape(end)}", page)
    if found is None:
        raise ValueError(f"the page has no {begin.strip()} and {end}")
    return page[: found.start()] + begin + section + end + page[found.end() :]
