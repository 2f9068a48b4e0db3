"""Faults: what goes wrong in a history, and how often. Each seed draws a mixture of its own."""

from __future__ import annotations

from collections.abc import Container
from typing import ClassVar

import attrs

from purchase_core.testing.simulation.chance import Chance

RATES = (8, 30, 120, 300)  # per thousand
KINDS_PER_THOUSAND = 400  # so many kinds of them happen in a history


@attrs.define
class Faults:
    """How often each kind happens, per thousand occasions. All of them 0: nothing goes wrong."""

    NONE: ClassVar[Faults]

    duplicate: int = 0  # a delivery that was taken comes again
    lost: int = 0  # a delivery does not arrive; the provider will try again
    gone: int = 0  # a delivery never arrives, and the provider does not try again
    delay: int = 0  # a delivery is kept for later
    forged: int = 0  # somebody else sends a delivery
    replayed: int = 0  # a delivery of long ago comes again
    refused: int = 0  # the provider says no
    down: int = 0  # the provider is not there
    no_answer_before: int = 0  # a request is lost, and that cannot be told
    no_answer_after: int = 0  # an answer is lost
    lag: int = 0  # what was made cannot be found for a while
    crash: int = 0  # the process dies, at any call of store or provider
    store_down: int = 0  # a call of the store fails, and nothing was done
    commit_lost: int = 0  # a commit is done, and its reply lost
    stall: int = 0  # an activity stands still, for longer than its lease perhaps
    together: int = 0  # activities run at the same time, in the same or in several processes
    skew: int = 0  # the clock of a process is wrong
    poison: int = 0  # an event cannot be understood for a while
    deaf: int = 0  # whoever must be told of something fails
    wrong: int = 0  # what is paid is not what was ordered

    @classmethod
    def drawn(cls, chance: Chance, without: Container[str] = ()) -> Faults:
        """Those of a seed: some kinds, at some rates; now and then none at all."""
        quiet = chance.below(8) == 0
        drawn = {}
        for field in attrs.fields(cls):
            rate = chance.one_of(RATES) if chance.happens(KINDS_PER_THOUSAND) else 0
            drawn[field.name] = 0 if quiet or field.name in without else rate
        return cls(**drawn)

    def kinds(self) -> list[str]:
        """Those that may happen."""
        return [field.name for field in attrs.fields(type(self)) if getattr(self, field.name)]


Faults.NONE = Faults()
