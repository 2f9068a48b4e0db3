"""The probe: whether a batch that fails leaves nothing, and whether values arrive as they were sent.

Cloudflare documents both for a Worker's binding. Of its REST API it says less, and what answers at an address
may be anything. So nothing is written over HTTP before this has passed.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from purchase_core.errors import StoreUnavailable
from purchase_d1.transport import Refused, Transport, Unanswered
from purchase_d1.troubles import unavailable
from purchase_sql.prefix import with_prefix
from purchase_sql.wire import Cells, Sent

NAME = '"{prefix}probe"'
FAILING = (
    f'CREATE TABLE {NAME} (n INTEGER NOT NULL CONSTRAINT "{{prefix}}probe_fails" CHECK (n = 1)) STRICT',
    f"INSERT INTO {NAME} (n) VALUES (1)",  # noqa: S608  # a prefix that was checked
    f"INSERT INTO {NAME} (n) VALUES (2)",  # noqa: S608  # likewise
)
LEFT = "SELECT count(*) AS a FROM sqlite_master WHERE name = ?1"
VALUES = (
    "SELECT ?1 AS a, CAST(CAST(?2 AS INTEGER) AS TEXT) AS b, CAST(value ->> 0 AS TEXT) AS c, "
    "value ->> 1 AS d, hex(unhex(value ->> 2)) AS e FROM json_each(?3)"
)
SENT = ("é🧾 \\'\"", "9007199254740993", '[[9223372036854775807,null,"00ff"]]')
ARRIVING = [SENT[0], SENT[1], "9223372036854775807", None, "00FF"]


@attrs.frozen
class Probed:
    """What the probe found. `why` says what is not as it must be; "" if everything is."""

    why: str = ""

    @property
    def passed(self) -> bool:
        """Whether it is safe to write."""
        return not self.why

    def require(self) -> None:
        """Raise StoreUnavailable unless it is."""
        if self.why:
            raise StoreUnavailable(
                f"nothing can be written safely at this address: {self.why}",
                hint="Use the proxy Worker (`purchase d1 worker`), whose batches are transactions.",
            )


async def probe(transport: Transport, prefix: str = "") -> Probed:
    """Send a batch that must fail, look what it left, and send values there and back. Leaves nothing.

    Raises StoreUnavailable if there is no answer.
    """
    try:
        return await tried(transport, prefix)
    except Unanswered as lost:
        raise unavailable(lost) from None


async def tried(transport: Transport, prefix: str) -> Probed:
    """The probe, once. Raises Unanswered; then it can be repeated."""
    failing: list[Sent] = [(with_prefix(text, prefix), ()) for text in FAILING]
    try:
        try:
            await transport.batch(failing)
            failed = ""
        except Refused as refused:
            failed = refused.text
        left, values = await transport.batch([(LEFT, (f"{prefix}probe",)), (VALUES, SENT)])
        why = _why(failed, prefix, left, values)
        if _count(left):
            await transport.batch([(with_prefix(f"DROP TABLE IF EXISTS {NAME}", prefix), ())])
    except Refused:
        return Probed("a statement of the probe is refused")
    return Probed(why)


def _why(failed: str, prefix: str, left: Sequence[Cells], values: Sequence[Cells]) -> str:
    if _count(left):
        return "a batch that failed left what it had written"
    if f"{prefix}probe_fails" not in failed:
        return "a batch that must fail did not, or for another reason"
    if [list(row) for row in values] != [ARRIVING]:
        return "values do not arrive as they were sent"
    return ""


def _count(rows: Sequence[Cells]) -> int:
    ((count,),) = rows
    return int(count)
