"""The command: `python -m benchmarks [--short] [NAME ...]`."""

from __future__ import annotations

import argparse
import asyncio
import platform
import sqlite3

from benchmarks import (
    acknowledging,
    concurrency,
    console,
    d1,
    entitlements,
    history,
    imports,
    indexes,
    long_customer,
    postgres,
    postgres_console,
    postgres_history,
    providers,
    rebuilding,
    rollout,
    routing,
    spending,
    ticking,
    webhooks,
)

ALL = {
    "imports": imports.run,
    "entitlements": entitlements.run,
    "routing": routing.run,
    "rollout": rollout.run,
    "webhooks": webhooks.run,
    "indexes": indexes.run,
    "acknowledging": acknowledging.run,
    "providers": providers.run,
    "spending": spending.run,
    "history": history.run,
    "long-customer": long_customer.run,
    "ticking": ticking.run,
    "rebuilding": rebuilding.run,
    "console": console.run,
    "postgres": postgres.run,
    "postgres-history": postgres_history.run,
    "postgres-console": postgres_console.run,
    "d1": d1.run,
    "concurrency": concurrency.run,
}


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Ratios against the raw limit.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ALL))
    parser.add_argument("--short", action="store_true", help="the form that CI runs")
    given = parser.parse_args()
    unknown = set(given.names) - set(ALL)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(ALL)}")
    print(f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {platform.machine()}")
    for name, run in ALL.items():
        if not given.names or name in given.names:
            print(f"\n## {name}")
            asyncio.run(run(short=given.short))


if __name__ == "__main__":
    main()
