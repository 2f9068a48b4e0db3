"""What the wheels hold: each its own import package and nothing else."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

HOLDS = {
    "purchase_core": "purchase_core",
    "purchase_sql": "purchase_sql",
    "purchase_sqlite": "purchase_sqlite",
    "purchase_postgres": "purchase_postgres",
    "purchase_simulators": "purchase_simulators",
    "purchase_paddle": "purchase_paddle",
    "purchase_d1": "purchase_d1",
    "purchase_sandbox": "purchase_sandbox",
    "purchase_stripe": "purchase_stripe",
    "purchase_console": "purchase_console",
    "purchase_contract_tests": "purchase_contract_tests",
}


def main(folder: Path) -> int:
    """Fail where a wheel is missing, or holds what it should not."""
    wheels = {path.name.split("-")[0]: path for path in folder.glob("*.whl")}
    problems = [f"no wheel of {name}" for name in HOLDS if name not in wheels]
    for name, path in wheels.items():
        with zipfile.ZipFile(path) as wheel:
            tops = {entry.split("/")[0] for entry in wheel.namelist()}
            typed = f"{HOLDS.get(name)}/py.typed" in wheel.namelist()
        strangers = {top for top in tops if top != HOLDS.get(name) and not top.endswith(".dist-info")}
        problems += [f"{path.name} holds {', '.join(sorted(strangers))}"] if strangers else []
        problems += [] if typed else [f"{path.name} has no py.typed"]
    print("\n".join(problems) or f"{len(wheels)} wheels, each with its own package only")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
