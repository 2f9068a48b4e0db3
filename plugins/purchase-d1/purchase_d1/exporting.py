"""What is handed to wrangler as files: the proxy Worker, and migrations in plain SQL."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from purchase_core.errors import InvalidArgument
from purchase_sql.migration import migrations

RECORDED = (
    'INSERT OR IGNORE INTO "{prefix}schema_version" (version, migrated_at) '
    "VALUES ({version}, unixepoch() * 1000000)"
)
WRANGLER = """\
{
  "name": "purchase-d1",
  "main": "worker.js",
  "compatibility_date": "2026-04-01",
  "d1_databases": [
    {
      "binding": "DB",
      "database_name": "purchase",
      "database_id": "<what `wrangler d1 create purchase` prints>",
      "migrations_dir": "migrations"
    }
  ]
}
"""


def migration_files(prefix: str = "") -> Mapping[str, str]:
    """The text of each migration by its file's name, for `wrangler d1 migrations apply`.

    Each records its version as `migrate` does, so that it makes no difference which of the two was used.
    """
    return {
        f"{step.name}.sql": "".join(
            f"{statement};\n\n"
            for statement in (*step.statements, RECORDED.format(prefix=prefix, version=step.version))
        )
        for step in migrations("sqlite", prefix)
    }


def worker_files(prefix: str = "") -> Mapping[str, str]:
    """What `wrangler deploy` needs for the proxy Worker, its database's migrations included."""
    script = (files("purchase_d1") / "worker" / "worker.js").read_text(encoding="utf-8")
    steps = {f"migrations/{name}": text for name, text in migration_files(prefix).items()}
    return {"worker.js": script, "wrangler.jsonc": WRANGLER, **steps}


def write_files(contents: Mapping[str, str], folder: Path) -> None:
    """Write files into a folder. Raises InvalidArgument, and writes none, if one is there and differs."""
    for name, text in contents.items():
        path = folder / name
        if path.exists() and path.read_text(encoding="utf-8") != text:
            raise InvalidArgument(
                f"{path} is there already, and differs", hint="Move it away, or name another folder."
            )
    for name, text in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
