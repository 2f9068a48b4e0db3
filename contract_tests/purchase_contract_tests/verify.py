"""Check a contract without pytest's help: where an event loop runs already, or from a script."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import attrs
import pytest

from purchase_contract_tests.contract import TEST, Contract, Promise, Unplayable


class Verdict(StrEnum):
    """How one promise fared. A stale gap is one that is kept although `known_gaps` says otherwise."""

    KEPT = "kept"
    BROKEN = "broken"
    GAP = "known gap"
    STALE_GAP = "stale gap"
    NOT_DECLARED = "not declared"
    UNPLAYED = "not played"


@attrs.frozen
class Outcome:
    """One promise's verdict; `why` is what broke it, or what was not declared."""

    promise: str
    group: str
    verdict: Verdict
    why: str = ""

    @property
    def acceptable(self) -> bool:
        """Whether a run with this outcome may pass."""
        return self.verdict not in (Verdict.BROKEN, Verdict.STALE_GAP)


async def verify(contract: type[Contract[Any]]) -> Sequence[Outcome]:
    """Run every promise of a contract, each on a fresh subject, one after the other."""
    return [await outcome(contract(), one) for one in contract.promises().values()]


async def outcome(contract: Contract[Any], one: Promise[Any]) -> Outcome:
    """Run one promise on a fresh subject."""
    missing = contract.missing(one)
    if missing:
        return Outcome(one.name, one.group, Verdict.NOT_DECLARED, ", ".join(sorted(missing)))
    gap = contract.known_gaps.get(TEST + one.name)
    try:
        if one.drives_itself:
            await asyncio.to_thread(one.body, contract)
        else:
            await contract.keep(one)
    except Unplayable as missing_means:
        return Outcome(one.name, one.group, Verdict.UNPLAYED, str(missing_means))
    except (Exception, pytest.fail.Exception) as error:
        why = f"{type(error).__name__}: {error}"
        return Outcome(one.name, one.group, Verdict.BROKEN if gap is None else Verdict.GAP, gap or why)
    return Outcome(one.name, one.group, Verdict.KEPT if gap is None else Verdict.STALE_GAP, gap or "")
