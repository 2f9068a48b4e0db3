"""A customer has paid, and has nothing: found, explained, mended."""

from __future__ import annotations

from .stage import CONNECTION, FEATURE, HOUR_SECONDS, PRICE, Stage
from .telling import must

TITLE = "A customer has paid and has nothing"


def play(stage: Stage) -> None:
    """Play it. Raises StoryFailed."""
    stage.buy("ana")
    stage.sent()  # lost on the way
    stage.side.clock.advance(seconds=HOUR_SECONDS)
    stage.happens("Ana writes: I have paid, and have nothing.")
    stage.runs("customers", "explain", "ana", FEATURE, says=["no", "Sold in"])
    must(stage.has("ana") == [False], "she has nothing")
    found = stage.asks("reconcile", CONNECTION)["passes"]
    must({"missed", "missing"} <= {one["what"] for each in found for one in each["found"]}, "it is there")
    stage.runs("reconcile", CONNECTION, code=3, says=["missed", "missing"])
    stage.happens("The provider has the payment. No webhook told of it.")
    stage.runs("reconcile", CONNECTION, "--repair", "--note", "ana has paid")
    stage.runs("customers", "explain", "ana", FEATURE, says=["yes"])
    stage.runs("customers", "activity", "ana", says=["paid"])
    stage.now("Ana has what she paid for.", *stage.has("ana"), stage.paid("ana") == [PRICE])
