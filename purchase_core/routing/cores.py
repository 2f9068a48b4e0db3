"""A backtest on several cores, of the same bits as on one."""

from __future__ import annotations

import gc
from collections.abc import Sequence

from purchase_core.ports.router import Router
from purchase_core.routing.backtest import PART_TRIALS, Backtest, Tally, Trial, backtest

FORK = "fork"


def backtest_on_cores(router: Router, trials: Sequence[Trial], cores: int) -> Backtest:
    """A backtest by so many processes, where the system can fork and there is enough to do.

    Forked processes see the trials without being sent them, which would take longer than deciding. Call it
    from a process that has no other threads.
    """
    if cores < 2 or len(trials) <= PART_TRIALS:  # noqa: PLR2004  # one is none to share with
        return backtest(router, trials)
    import multiprocessing  # noqa: PLC0415  # not every system has processes
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415

    if FORK not in multiprocessing.get_all_start_methods():
        return backtest(router, trials)
    whole = Tally()
    context = multiprocessing.get_context(FORK)
    gc.freeze()  # or each process's collector would write into, and so copy, every page of the trials
    try:
        with ProcessPoolExecutor(cores, context, _take, (router, trials)) as pool:
            for part in pool.map(_tally, range(0, len(trials), PART_TRIALS)):
                whole = whole.with_(part)
    finally:
        gc.unfreeze()
    return whole.summed(router)


_taken: list[tuple[Router, Sequence[Trial]]] = []  # in a forked process only: what it works on


def _take(router: Router, trials: Sequence[Trial]) -> None:
    _taken.append((router, trials))


def _tally(start: int) -> Tally:
    """One part."""
    router, trials = _taken[0]
    part = Tally()
    for trial in trials[start : start + PART_TRIALS]:
        part.add(router, trial)
    return part
