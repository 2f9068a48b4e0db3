"""What the shop's pages say, without a browser."""

from __future__ import annotations

import attrs
import pytest

from purchase_core import Catalog
from purchase_core.access.rights import Rights
from purchase_core.facts.rows import CaseRow
from purchase_core.instants import Instant
from purchase_core.reads.customers import Snapshot
from purchase_sandbox.shop.showing import account_view

NOW = Instant(1)
NOBODY = Snapshot(
    customer="ana", at=NOW, known_at=NOW, version=1, rights=Rights(NOW, None, frozenset(), {}, {}, {}),
    intents=(), subscriptions=(), purchases=(), lots=(), invoices=(), cases=(), wallets=(), drawn={}, hash="",
)  # fmt: skip


def case(kind: str, status: str = "open") -> CaseRow:
    return CaseRow(
        key=kind, lane="ana", root="r", kind=kind, about="subscription:sandbox:s1", detail="2 states",
        provider_customer="", amount=0, currency="", opened_at=NOW, status=status, decision="",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("cases", "unsure", "told"),
    [
        ((), False, ()),
        ((case("contested"),), True, ()),
        ((case("contested", "resolved"),), False, ()),
        ((case("excess"), case("contested")), True, ("excess: 2 states",)),
    ],
)
def test_a_page_that_waits_for_an_answer_says_so_and_looks_again(
    cases: tuple[CaseRow, ...], unsure: bool, told: tuple[str, ...]
) -> None:
    view = account_view(attrs.evolve(NOBODY, cases=cases), Catalog(), lambda _connection, _capability: False)
    assert (view.unsure, view.cases) == (unsure, told)
