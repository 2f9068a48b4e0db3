"""The contract of routers, whole."""

from __future__ import annotations

from purchase_contract_tests.router.bounds import Bounds
from purchase_contract_tests.router.candidates import Candidates
from purchase_contract_tests.router.chances import Chances
from purchase_contract_tests.router.determinism import Determinism
from purchase_contract_tests.router.exclusions import Exclusions
from purchase_contract_tests.router.explanation import Explanation
from purchase_contract_tests.router.record import Record
from purchase_contract_tests.router.totality import Totality


class RouterContract(
    Totality,
    Candidates,
    Exclusions,
    Explanation,
    Chances,
    Determinism,
    Record,
    Bounds,
):
    """What every router promises. Subclass it in a test module, and say how to make one:

    class TestMyRouter(RouterContract):
        def router(self):
            return MyRouter(weight=3)
    """
