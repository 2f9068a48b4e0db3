"""What plugins say of connections, read with care: a plugin may return anything."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import islice

import attrs

from purchase_core.plugins.hookspecs import RouteScore
from purchase_core.ports.router import Candidate, Said, Trouble
from purchase_core.text import storable

EXCLUDED_CHARACTERS_MAX = 500
SCORES_MAX = 1_000


@attrs.frozen
class Failure:
    """What a plugin raised. Kept as a value, so that it cannot be taken for something of ours."""

    error: BaseException


@attrs.frozen
class Scores:
    """What one plugin said, by connection; `troubles` are what was wrong with it, short of losing it all."""

    said: tuple[tuple[str, Said], ...] = ()
    troubles: tuple[Trouble, ...] = ()


def read_scores(
    plugin: str, candidates: tuple[Candidate, ...], scores: Iterable[RouteScore]
) -> Scores | Failure:
    """All of what was said, or a Failure: half an answer counts as none."""
    try:
        listed = list(islice(scores, SCORES_MAX + 1))
        if len(listed) > SCORES_MAX:
            return Failure(ValueError("too many scores"))
        first = {one.connection: one for one in reversed(listed)}  # of two about one, the first counts
        known = {one.connection for one in candidates}
        said = tuple((name, _said(plugin, one)) for name, one in sorted(first.items()) if name in known)
        strangers = len(first) - len(said)
        foreign = Trouble(plugin, "foreign", f"{strangers} of no candidate")
        return Scores(said, (foreign,) if strangers else ())
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # anything may raise when it is read
        return Failure(error)


def _said(plugin: str, one: RouteScore) -> Said:
    score = float(one.score)
    if not math.isfinite(score):
        raise ValueError("a score is a finite number")
    excluded = storable("excluded", one.excluded, characters_max=EXCLUDED_CHARACTERS_MAX)
    return Said(plugin, score, excluded)
