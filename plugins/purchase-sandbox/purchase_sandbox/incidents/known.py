"""Which incidents there are. The number is an incident's name on the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from . import (
    database_restored,
    deploy_broke_the_adapter,
    paid_and_have_nothing,
    paid_twice,
    poison_event,
    provider_was_down,
    refunded_by_two,
    secret_rotated,
    unknown_for_ever,
    wrong_catalog,
)
from .stage import Stage


@attrs.frozen
class Incident:
    """An incident. `play` plays it on a stage, and raises StoryFailed if it does not end as it should."""

    number: int
    title: str
    play: Callable[[Stage], None]


INCIDENTS: Mapping[int, Incident] = {
    number: Incident(number, one.TITLE, one.play)
    for number, one in enumerate(
        (
            provider_was_down,
            deploy_broke_the_adapter,
            secret_rotated,
            paid_and_have_nothing,
            paid_twice,
            refunded_by_two,
            database_restored,
            poison_event,
            wrong_catalog,
            unknown_for_ever,
        ),
        1,
    )
}
