"""What it costs to start: imports over the bare interpreter, and `purchase --help`."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from benchmarks.figures import median

COMMANDS = {
    "bare interpreter": [sys.executable, "-c", "pass"],
    "import purchase_core": [sys.executable, "-c", "import purchase_core"],
    "from purchase_core import Catalog": [sys.executable, "-c", "from purchase_core import Catalog"],
    "from purchase_core import Billing": [sys.executable, "-c", "from purchase_core import Billing"],
    "purchase --help": [sys.executable, "-c", "from purchase_core.cli.main import main; main(['--help'])"],
}
GOALS = {"import purchase_core": "<= 60 ms over bare", "purchase --help": "<= 150 ms in all"}


async def run(*, short: bool) -> None:
    """Print the table: medians, the commands taking turns."""
    rounds = 5 if short else 15
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    took: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range(rounds + 1):
        for name, command in COMMANDS.items():
            started = time.perf_counter()
            subprocess.run(command, check=False, stdout=subprocess.DEVNULL, env=environ)  # noqa: S603
            if number:  # the first round compiles
                took[name].append((time.perf_counter() - started) * 1e3)
    bare = median(took["bare interpreter"])
    print("| what | in all | over bare | goal |\n|---|---|---|---|")
    for name, values in took.items():
        print(
            f"| {name} | {median(values):.0f} ms | {median(values) - bare:.0f} ms | {GOALS.get(name, '')} |"
        )
