"""Files for wrangler: they lead to the tables that `migrate` makes, and to the Worker that is tested."""

from __future__ import annotations

import asyncio
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner

from purchase_contract_tests.store.samples import NOW, step
from purchase_core.errors import InvalidArgument
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import SchemaState
from purchase_d1.cli import d1
from purchase_d1.exporting import migration_files, worker_files, write_files
from purchase_d1.local import Address
from purchase_d1.store import D1Store
from purchase_d1.testing import FakeD1, FakeTransport, own_tables
from purchase_sql.migration import migrations

TABLES = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"


def statements(text: str) -> list[str]:
    """The statements of a file, as wrangler parts them."""
    return [one.strip() for one in text.split(";\n") if one.strip()]


@pytest.mark.parametrize("prefix", ["", "app_"])
def test_the_files_hold_the_migrations_and_record_their_versions(prefix: str) -> None:
    exported = migration_files(prefix)
    steps = migrations("sqlite", prefix)
    assert list(exported) == [f"{one.name}.sql" for one in steps]
    for one, text in zip(steps, exported.values(), strict=True):
        *made, recorded = statements(text)
        assert made == list(one.statements)
        assert recorded.startswith(f'INSERT OR IGNORE INTO "{prefix}schema_version"')
        assert f"VALUES ({one.version}, " in recorded
        assert "{" not in text


def test_what_wrangler_applied_is_what_migrate_makes() -> None:
    async def run() -> None:
        by_hand, by_code = FakeD1(), FakeD1()
        for text in migration_files("app_").values():
            for statement in statements(text):
                by_hand.batch([(statement, ())])
        async with D1Store(FakeTransport(by_code), prefix="app_") as store:
            await store.migrate()
        assert by_hand.batch([(TABLES, ())]) == by_code.batch([(TABLES, ())])

    asyncio.run(run())


def test_f88_f98_the_engine_takes_the_files_again_and_again_and_a_store_works_on_them(
    database: Address,
) -> None:
    async def run() -> None:
        async with own_tables(database) as config, await D1Store.open(config) as store:
            for text in [*migration_files(config.prefix).values()] * 2:
                for statement in statements(text):
                    await store.transport.batch([(statement, ())])
            steps = len(migrations("sqlite", ""))
            assert await store.schema() == await store.migrate() == SchemaState(steps, steps)
            await store.commit(Batch("batch_1", NOW, lanes=(step(),)))
            assert await store.committed("batch_1")

    asyncio.run(run())


def test_the_command_writes_the_worker_that_is_tested(tmp_path: Path) -> None:
    done = CliRunner().invoke(d1, ["worker", str(tmp_path), "--prefix", "app_"], catch_exceptions=False)
    assert done.exit_code == 0
    found = {
        path.relative_to(tmp_path).as_posix(): path.read_text()
        for path in tmp_path.rglob("*")
        if path.is_file()
    }
    assert found == worker_files("app_")
    shipped = files("purchase_d1") / "worker" / "worker.js"
    assert found["worker.js"] == shipped.read_text(encoding="utf-8")
    assert '"binding": "DB"' in found["wrangler.jsonc"]


def test_the_command_writes_migrations(tmp_path: Path) -> None:
    done = CliRunner().invoke(d1, ["migrations", str(tmp_path)], catch_exceptions=False)
    assert done.exit_code == 0
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == migration_files()


def test_a_file_that_was_changed_is_not_written_over(tmp_path: Path) -> None:
    write_files(worker_files(), tmp_path)
    write_files(worker_files(), tmp_path)
    (tmp_path / "wrangler.jsonc").write_text("mine")
    (tmp_path / "worker.js").unlink()
    with pytest.raises(InvalidArgument, match=r"wrangler\.jsonc"):
        write_files(worker_files(), tmp_path)
    assert (tmp_path / "wrangler.jsonc").read_text() == "mine"
    assert not (tmp_path / "worker.js").exists()


def test_the_command_probes(database: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("D1_TOKEN", database.token.reveal())
    done = CliRunner().invoke(
        d1, ["probe", "--url", database.url, "--prefix", "command_"], catch_exceptions=False
    )
    assert done.exit_code == 0
    assert "leaves nothing" in done.output
