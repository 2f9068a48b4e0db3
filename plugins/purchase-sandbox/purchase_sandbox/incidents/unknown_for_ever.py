"""An answer was lost, and the provider does not say what became of it."""

from __future__ import annotations

from contextlib import suppress

from purchase_core.errors import OutcomeUnknown
from purchase_simulators.wire.chaos import CERTAIN_PPM, Fault

from .stage import HOUR_SECONDS, Stage
from .telling import must

TITLE = "Nobody knows whether it happened"


def play(stage: Stage) -> None:
    """Play it. Raises StoryFailed."""
    stage.buy("ana")
    stage.deliver()
    chaos, pages = stage.side.chaos, stage.side.pages()
    chaos.set(Fault.LOST_ANSWER, CERTAIN_PPM)
    with suppress(OutcomeUnknown):
        stage.buy("ana", cart="second")
    chaos.clear()
    chaos.set(Fault.BUSY, CERTAIN_PPM)
    stage.happens(
        "Ana begins another checkout. The provider opens its page, and the answer is lost on the way."
    )
    for _ in range(3):
        stage.side.clock.advance(seconds=HOUR_SECONDS)
        stage.works()
    stage.happens("For three hours workers ask what became of it, and the provider says that it is too busy.")
    stage.runs("attention", says=["nobody knows whether it happened"])
    (outcome,) = _outcomes(stage)
    stage.runs(*outcome["next"].split()[1:], says=["unknown"])
    chaos.clear()
    stage.side.clock.advance(seconds=HOUR_SECONDS)
    stage.happens("The provider is back. A worker asks again, under the same key, or by our reference.")
    stage.runs("work", "--once")
    must(not _outcomes(stage), "it is known now")
    stage.now(
        "One page was opened for each checkout, and none was opened twice.", stage.side.pages() == pages + 1
    )


def _outcomes(stage: Stage) -> list[dict[str, str]]:
    return [one for one in stage.asks("attention")["items"] if one["kind"] == "outcome"]
