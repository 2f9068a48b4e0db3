"""The incidents, each played to its end through the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from purchase_core import Billing
from purchase_core.facts.rows import InvoiceRow
from purchase_core.testing.sales import CATALOG
from purchase_sandbox.account.objects import Refund
from purchase_sandbox.incidents.scene import Scene
from purchase_sandbox.incidents.stories import STORIES, database_was_restored


@pytest.mark.parametrize("number", [number for number in STORIES if number != 7])
def test_the_operator_gets_out_of_it(number: int, tmp_path: Path) -> None:
    told: list[str] = []
    STORIES[number].tell(Scene(tmp_path, CATALOG, told.append))
    assert any(line.startswith("$ purchase ") for line in told)


def test_f87_a_restored_database_is_brought_up_to_date(tmp_path: Path) -> None:
    database_was_restored(Scene(tmp_path, CATALOG, lambda line: None))


@pytest.mark.parametrize("reconciled", [False, True])
def test_f87_what_was_sent_since_the_backup_has_its_effect_once(tmp_path: Path, *, reconciled: bool) -> None:
    """Whoever asked for it asks again under the same key, and it is the same command at the provider."""
    scene = Scene(tmp_path, CATALOG, lambda line: None)
    scene.buy("ana", "ben")
    scene.deliver()
    backup = shutil.copy(scene.file, tmp_path / "backup")

    async def refund(billing: Billing) -> str:
        (paid, *_) = [one for one in await billing.store.rows(InvoiceRow) if one.lane == "customer:ana"]
        done = await billing.invoices.refund("ana", paid.key, amount=300, idempotency_key="complaint-1")
        return done.refund.provider_id

    first = scene.do(refund)
    scene.deliver()
    for suffix in ("-wal", "-shm"):
        scene.file.with_name(scene.file.name + suffix).unlink(missing_ok=True)
    shutil.copy(backup, scene.file)
    if reconciled:
        assert scene.purchase("reconcile", "--repair").code == 0
    assert scene.do(refund) == first
    assert [one.id for one in scene.harness.account.book.all(Refund)] == [first]
    assert scene.purchase("doctor", "--truth").code == 0
