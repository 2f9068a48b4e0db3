"""The README says which module is what, and which constraint is which error."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import purchase_sql
from purchase_sql.refusals import Guard

PACKAGE = Path(purchase_sql.__file__).parent
README = (PACKAGE.parent / "README.md").read_text()


def modules() -> dict[str, bool]:
    """The modules of the table, and whether each needs SQLAlchemy."""
    rows = re.findall(r"^\| (`.*?`) \|.*\| (yes|no) \|$", README, re.MULTILINE)
    return {name: needs == "yes" for names, needs in rows for name in re.findall(r"`(\w+)\.py`", names)}


def imported(module: str) -> set[str]:
    """What a module imports: SQLAlchemy, or other modules of the package."""
    found = set()
    for node in ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text())):
        if isinstance(node, ast.Import):
            found |= {one.name.partition(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            package, _, name = (node.module or "").partition(".")
            found |= {name} if name else {package, *(one.name for one in node.names)}
    return found


def test_every_module_is_listed_with_what_it_needs() -> None:
    listed = modules()
    assert set(listed) == {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    needing = {"sqlalchemy"} | {name for name, needs in listed.items() if needs}
    assert {name: bool(imported(name) & needing) for name in listed} == listed


def test_every_guard_is_listed() -> None:
    table = README.partition("| constraint | means |")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    assert set(re.findall(r"`(\w+)`", " ".join(cells))) == set(Guard)
