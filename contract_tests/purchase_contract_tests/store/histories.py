"""Any history: Hypothesis makes up what happens, spending and restarts too; models say what must follow."""

from __future__ import annotations

from typing import ClassVar

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from purchase_contract_tests.contract import promise
from purchase_contract_tests.store.base import StorePromises
from purchase_contract_tests.store.spending_history import SpendingHistory


class Histories(StorePromises):
    """Everything at once, against oracles that share no code with a store."""

    history_settings: ClassVar[settings] = settings(
        max_examples=30,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    """How many histories, and how long."""

    @promise
    def any_history_agrees_with_the_model(self) -> None:
        contract = self

        class ThisHistory(SpendingHistory):
            def __init__(self) -> None:
                super().__init__(contract)

        run_state_machine_as_test(ThisHistory, settings=self.history_settings)
