"""Everyday commands of this workspace. Standard library only: it makes what the others need.

python dev.py demo [...]    install what the demo needs into .venv, and run `purchase demo ...`
python dev.py test [...]    install what the tests need, and run pytest
python dev.py crash-points  kill and starve the stores at every point (--help says how to choose)
python dev.py scale-out [--for 2h] [--rate 500]
                             kill processes that share one Postgres under load (--help says how)
python dev.py contract [...] run the contracts on every adapter here, and print adapters by promises
                             (--json, --markdown, --write: into the README, --check: is the README so)
python dev.py equivalence [--seeds A:B] [--stores memory,sqlite,...] [--resume FILE]
                             run the same made-up histories on every store, and compare what each tells
python dev.py check         install what the checks need, and run lint, types and boundaries
python dev.py clients       install providers' own SDKs into .clients, for the tests of the simulators
python dev.py lock          resolve requirements/*.in anew into hashed requirements/*.txt
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shlex
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = Path(os.environ.get("PURCHASE_DEV_VENV") or ROOT / ".venv")
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
LEVELS = ("demo", "test", "ci")  # each holds what the one before it holds
MEMBERS = (
    ".",
    "plugins/purchase-sql",
    "plugins/purchase-sqlite",
    "plugins/purchase-postgres",
    "plugins/purchase-simulators",
    "plugins/purchase-paddle",
    "plugins/purchase-d1",
    "plugins/purchase-sandbox",
    "plugins/purchase-stripe",
    "plugins/purchase-console",
    "contract_tests",
)
NODE_CLIENTS = ("@paddle/paddle-node-sdk@3.10.0", "@stripe/cli@1.52.0")
PADDLE_PYTHON_CLIENT = "paddle-python-sdk==1.16.1"
ENGINES = {  # how each store is opened to be compared with the others
    "memory": "purchase_contract_tests.equivalence.engine:memory",
    "sqlite": "tests.equivalence.engines:sqlite",
    "postgres": "tests.equivalence.engines:postgres",
    "d1": "tests.equivalence.engines:d1",
}
PYTHON_MIN = (3, 11)


def main(arguments: list[str]) -> int:
    """Run one command; the rest of the arguments are passed on."""
    if sys.version_info < PYTHON_MIN:
        print(f"Purchase needs Python {PYTHON_MIN[0]}.{PYTHON_MIN[1]} or later; this is {sys.version}.")
        return 2
    try:
        return run(*(arguments or ["help"]))
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    except subprocess.CalledProcessError as failed:
        print(f"\nThis failed: {shlex.join(map(str, failed.cmd))}", file=sys.stderr)
        return 1


def run(command: str, *rest: str) -> int:
    """What each command does."""
    if command == "demo":
        install("demo")
        return become(BIN / "purchase", "demo", *rest)
    if command == "test":
        install("test")
        return become(BIN / "python", "-m", "pytest", *rest)
    if command in ("crash-points", "scale-out"):
        install("test")
        return become(BIN / "python", "-m", f"tests.{command.replace('-', '_')}", *rest)
    if command == "contract":
        install("test")
        return contract(list(rest))
    if command == "equivalence":
        install("test")
        return equivalence(list(rest))
    if command == "check":
        install("ci")
        return check()
    if command == "install":
        install(rest[0] if rest else "ci")
        return 0
    if command in ("clients", "lock"):  # neither needs .venv
        return clients() if command == "clients" else lock()
    print(__doc__)
    return 0 if command in ("help", "-h", "--help") else 2


def install(level: str) -> None:
    """Bring `.venv` to a level, unless it is there already: first third parties by hash, then the members."""
    wanted = fingerprint(level)
    marks = [VENV / f".installed-{one}" for one in LEVELS[LEVELS.index(level) :]]
    if any(mark.exists() and mark.read_text() == fingerprint(one) for mark, one in
           zip(marks, LEVELS[LEVELS.index(level) :], strict=True)):  # fmt: skip
        return
    pip = [str(BIN / "python"), "-m", "pip"]
    if not works(*pip, "--version"):  # not made yet, or whoever made it was interrupted before pip was in it
        make()
    print(f"Installing what `{level}` needs, once; it takes about half a minute ...", flush=True)
    pip += ["install", "--quiet", "--disable-pip-version-check"]
    requirements = ROOT / "requirements" / f"{level}.txt"
    subprocess.run([*pip, "--require-hashes", "-r", str(requirements)], check=True, cwd=ROOT)
    members = [part for member in MEMBERS for part in ("-e", str(ROOT / member))]
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", *members], check=True, cwd=ROOT)
    (VENV / f".installed-{level}").write_text(wanted)


def make() -> None:
    """Make `.venv`, or what it lacks."""
    print(f"Making {VENV} ...", flush=True)
    try:
        venv.create(VENV, with_pip=True)
    except subprocess.CalledProcessError:
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        print(
            f"This Python lacks what makes pip. On Debian and Ubuntu: apt install {package}", file=sys.stderr
        )
        raise


def works(*command: str) -> bool:
    """Whether a program is there and ends well."""
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def fingerprint(level: str) -> str:
    """What an installation depends on: the place, third parties, and the members' own declarations."""
    files = [f"requirements/{level}.txt", *(f"{member}/pyproject.toml" for member in MEMBERS)]
    content = [str(ROOT).encode(), *((ROOT / file).read_bytes() for file in files)]
    return hashlib.sha256(b"\0".join(content)).hexdigest()


def check() -> int:
    """Lint, layout, types, boundaries: all of them, and then whether any was unhappy."""
    folders = ("purchase_core", "plugins", "contract_tests", "tests", "benchmarks", "examples")
    sources = [*folders, "dev.py", "conftest.py"]
    present = [source for source in sources if (ROOT / source).exists()]
    commands = [
        [BIN / "ruff", "check", *present],
        [BIN / "ruff", "format", "--check", "--quiet", *present],
        [BIN / "mypy"],
        [BIN / "lint-imports"],
    ]
    return max([call(*command) for command in commands], default=0)


def contract(rest: list[str]) -> int:
    """Run every contract test there is: the reference store's, and whatever lies under `plugins/`."""
    shown = [one for one in rest if one in ("--json", "--markdown", "--write", "--check")]
    passed_on = [one for one in rest if one not in shown]
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "found.json"
        tests = ("contract_tests/tests/test_memory_store.py", "tests", "plugins")
        options = ("-q", "-m", "purchase_contract", f"--contract-report={found}")
        run = [BIN / "python", "-m", "pytest", *tests, *options, *passed_on]
        # What is printed is the table: how the tests go is for people, who read the other stream.
        subprocess.run([str(part) for part in run], check=False, cwd=ROOT, stdout=sys.stderr)
        if not found.exists():
            return 1
        page = [ROOT / "README.md"] if shown[:1] in (["--write"], ["--check"]) else []
        return call(BIN / "python", "-m", "purchase_contract_tests.report", found, *shown[:1], *page)


def equivalence(rest: list[str]) -> int:
    """Run the histories of some seeds on the stores; the first is what the others are compared with."""
    parser = argparse.ArgumentParser(prog="dev.py equivalence")
    parser.add_argument("--stores", default=",".join(ENGINES))
    chosen, passed_on = parser.parse_known_args(rest)
    names = chosen.stores.split(",")
    again = f"python dev.py equivalence --stores {chosen.stores}"
    engines = [f"{name}={ENGINES[name]}" for name in names]
    module = ("-m", "purchase_contract_tests.equivalence")
    return call(BIN / "python", *module, *engines, *passed_on, "--replay", again)


def lock() -> int:
    """Resolve anew. Hashes and no addresses; frozen in time by [tool.uv] exclude-newer in pyproject.toml."""
    for level in LEVELS:
        options = [
            "--universal",
            "--python-version=3.11",
            "--generate-hashes",
            "--no-header",
            "--no-strip-extras",
        ]
        file = ROOT / "requirements" / level
        done = call(
            "uv",
            "pip",
            "compile",
            "--quiet",
            *options,
            "--no-emit-index-url",
            f"{file}.in",
            "-o",
            f"{file}.txt",
        )
        if done:
            return done
    return 0


def clients() -> int:
    """Providers' own SDKs, each in a place of its own: they are not to be seen by anything else."""
    place = ROOT / ".clients"
    done = call("npm", "install", "--no-audit", "--no-fund", "--prefix", place / "node", *NODE_CLIENTS)
    python = place / "paddle-python"
    if not python.exists():
        venv.create(python, with_pip=True)
    scripts = python / ("Scripts" if os.name == "nt" else "bin")
    return done or call(scripts / "python", "-m", "pip", "install", "--quiet", PADDLE_PYTHON_CLIENT)


def call(*command: object) -> int:
    """Run a command in the workspace and return its exit code."""
    return subprocess.run([str(part) for part in command], check=False, cwd=ROOT).returncode


def become(*command: object) -> int:
    """Run a command in the workspace instead of this one, so that ^C and signals are its own to answer."""
    if os.name != "nt":  # where a process cannot become another one
        os.chdir(ROOT)
        os.execv(str(command[0]), [str(part) for part in command])  # noqa: S606  a shell is not wanted
    return call(*command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
