"""What a run of contract tests found, as a table: for a terminal, a program or a README.

pytest --contract-report found.json        # any run of any contracts
python -m purchase_contract_tests.report found.json --markdown
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import attrs
import msgspec

PASSED, FAILED = "kept", "broken"
KNOWN, CLOSED = "known gap", "stale gap"
NOT_DECLARED, NOT_RUN = "not declared", "not run"
BROKEN = (FAILED, CLOSED)
SEVERITY = (NOT_RUN, NOT_DECLARED, PASSED, KNOWN, CLOSED, FAILED)
BEGIN, END = "<!-- contract -->\n", "<!-- /contract -->\n"
SCHEMA_VERSION = 1


@attrs.frozen
class Found:
    """How one promise fared with one adapter. `place` is that of its group within the contract."""

    contract: str
    adapter: str
    place: int
    group: str
    promise: str
    outcome: str


def _one_of_each(found: Iterable[Found]) -> tuple[Found, ...]:
    """One for each promise: tests that run on several servers of one kind find it several times."""
    worst: dict[tuple[str, str, str, str], Found] = {}
    for one in found:
        key = one.contract, one.adapter, one.group, one.promise
        if key not in worst or SEVERITY.index(one.outcome) > SEVERITY.index(worst[key].outcome):
            worst[key] = one
    return tuple(worst.values())


@attrs.frozen
class Report:
    """Everything that one run found."""

    found: tuple[Found, ...] = attrs.field(converter=_one_of_each)
    schema_version: int = SCHEMA_VERSION

    @property
    def whole(self) -> bool:
        """Whether nothing is broken, and everything that is declared was run."""
        return bool(self.found) and not any(one.outcome in (*BROKEN, NOT_RUN) for one in self.found)

    def contracts(self) -> Iterator[tuple[str, Sequence[Sequence[str]]]]:
        """For each contract its name and its table: adapters across, groups of promises down."""
        for contract in sorted({one.contract for one in self.found}):
            yield contract, _table([one for one in self.found if one.contract == contract])


def encode(report: Report) -> bytes:
    """The report as JSON."""
    return msgspec.json.format(msgspec.json.encode(attrs.asdict(report)), indent=2) + b"\n"


def decode(text: bytes) -> Report:
    """The report that was written as JSON. Raises msgspec.ValidationError."""
    return msgspec.json.decode(text, type=Report)


def for_terminal(report: Report) -> str:
    """The tables in columns."""
    parts = []
    for contract, table in report.contracts():
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = (
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in table
        )
        parts.append("\n".join([contract, *(line.rstrip() for line in lines)]) + "\n")
    return "\n".join(parts)


def for_markdown(report: Report) -> str:
    """The tables as Markdown."""
    parts = []
    for contract, (head, *rows) in report.contracts():
        cells = [[f"`{contract}`", *head[1:]], ["---"] * len(head), *rows]
        parts.append("".join(f"| {' | '.join(row)} |\n" for row in cells))
    return "\n".join(parts)


def written_into(text: str, report: Report) -> str:
    """A page with the tables between its marks. Raises ValueError if it has none."""
    found = re.search(f"(?s){re.escape(BEGIN)}.*?{re.escape(END)}", text)
    if found is None:
        raise ValueError(f"the page has no {BEGIN.strip()} and {END.strip()}")
    return text[: found.start()] + BEGIN + for_markdown(report) + END + text[found.end() :]


def _table(found: Sequence[Found]) -> Sequence[Sequence[str]]:
    groups = [group for _, group in sorted({(one.place, one.group) for one in found})]
    adapters = sorted({one.adapter for one in found})
    cells: dict[tuple[str, str], Counter[str]] = {}
    for one in found:
        cells.setdefault((one.group, one.adapter), Counter())[one.outcome] += 1
    rows = [
        [group, *(_cell(cells.get((group, adapter), Counter())) for adapter in adapters)] for group in groups
    ]
    return [["", *adapters], *rows]


def _cell(count: Counter[str]) -> str:
    """How many promises are kept, of how many; then what is broken, known, and not asked."""
    asked = count.total() - count[NOT_DECLARED] - count[NOT_RUN]
    broken = sum(count[one] for one in BROKEN)
    words = [f"{count[PASSED]}/{asked}"] if asked else []
    words += [f"{broken} broken"] if broken else []
    words += [f"{count[KNOWN]} known"] if count[KNOWN] else []
    words += [f"{count[one]} {one}" for one in (NOT_DECLARED, NOT_RUN) if count[one]]
    return ", ".join(words) or "-"


def main(arguments: Iterable[str]) -> int:
    """Print a report, or compare a page with it: 1 if something is broken, 3 if the page differs."""
    parser = argparse.ArgumentParser(prog="purchase_contract_tests.report", description=__doc__)
    parser.add_argument("report", type=Path)
    parser.add_argument("--json", action="store_true", help="print what every promise found")
    parser.add_argument("--markdown", action="store_true", help="print tables for a README")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the tables between a page's marks")
    parser.add_argument("--check", type=Path, metavar="PAGE", help="exit 3 if a page has other tables")
    chosen = parser.parse_args([*arguments])
    report = decode(chosen.report.read_bytes())
    if chosen.write:
        page = chosen.write.read_text("utf-8")
        chosen.write.write_text(written_into(page, report), "utf-8")
    elif chosen.check:
        page = chosen.check.read_text("utf-8")
        sys.stdout.write(for_terminal(report))
        if written_into(page, report) != page:
            sys.stderr.write(f"{chosen.check} shows other tables than this run found:\n")
            sys.stderr.write(for_markdown(report))
            return 3
    elif chosen.json:
        sys.stdout.write(encode(report).decode())
    else:
        sys.stdout.write(for_markdown(report) if chosen.markdown else for_terminal(report))
    return 0 if report.whole else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
