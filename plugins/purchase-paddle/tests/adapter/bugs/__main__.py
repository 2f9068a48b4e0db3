"""Write the bugs of Paddle's adapter into docs/contract-bugs.md."""

from __future__ import annotations

from adapter.test_paddle_planted import PAGE
from purchase_contract_tests.planting import written_into

from . import BUGS

PAGE.write_text(written_into(PAGE.read_text(), "paddle", BUGS.section()))
