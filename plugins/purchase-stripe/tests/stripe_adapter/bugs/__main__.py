"""Write the bugs of Stripe's adapter into docs/contract-bugs.md."""

from __future__ import annotations

from purchase_contract_tests.planting import written_into
from stripe_adapter.test_stripe_planted import PAGE

from . import BUGS

PAGE.write_text(written_into(PAGE.read_text(), "stripe", BUGS.section()))
