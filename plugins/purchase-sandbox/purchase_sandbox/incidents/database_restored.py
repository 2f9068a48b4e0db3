"""The database is that of an hour ago: what was sold since is not in it."""

from __future__ import annotations

import shutil
from pathlib import Path

from .stage import HOUR_SECONDS, PRICE, Stage
from .telling import must

TITLE = "The database is that of an hour ago"


def play(stage: Stage) -> None:
    """Play it. Raises StoryFailed."""
    stage.buy("ana")
    stage.deliver()
    backup = shutil.copy(stage.file, stage.file.with_suffix(".backup"))
    stage.side.advance(seconds=HOUR_SECONDS)
    stage.buy("ben")
    stage.deliver()
    must(stage.has("ana", "ben") == [True, True], "both have it")
    restore(stage, Path(backup))
    stage.happens("The disk is lost. The backup of an hour ago is put in place; Ben bought since then.")
    must(stage.has("ana", "ben") == [True, False], "what Ben bought is not in it")
    stage.runs("migrate", "--check")
    stage.runs("reconcile", "--repair", "--note", "restored a backup")
    stage.runs("reconcile", says=["Nothing differs."])
    # What Ben ordered went with the database, so that nothing is granted; but his money is seen.
    stage.runs("attention", says=["case", "12.00 USD"])
    items = stage.asks("attention")["items"]
    must({(one["kind"], one["amount"]) for one in items} == {("case", PRICE)}, "his money is a case")
    stage.runs("doctor", "--truth", says=["Nothing is wrong."])
    stage.now(
        "Ana has what she paid for. Ben's payment is a case: sell it to him again, or give it back.",
        stage.has("ana", "ben") == [True, False],
    )


def restore(stage: Stage, backup: Path) -> None:
    """Put a backup in the place of the database."""
    for suffix in ("", "-wal", "-shm"):
        stage.file.with_name(stage.file.name + suffix).unlink(missing_ok=True)
    shutil.copy(backup, stage.file)
