"""Import plans that are kept: what a run that was begun without a file goes on with, whoever goes on."""

from __future__ import annotations

from purchase_core.errors import NotFound, PlanInvalid
from purchase_core.identifiers import IdSource
from purchase_core.importing.plan import ImportPlan, decode_import, summary
from purchase_core.instants import Clock
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store
from purchase_core.records.command import CONFIRMED, Command, Stage

KIND = "import.plan"
KEPT_BYTES_MAX = 500_000  # what every database takes as one value


class ImportPlans:
    """Keeps them, each under its seal."""

    def __init__(self, store: Store, clock: Clock, ids: IdSource) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    async def keep(self, plan: ImportPlan) -> None:
        """Keep it. Raises PlanInvalid for one that is too large."""
        body, now = plan.encode(), self._clock.now()
        if len(body) > KEPT_BYTES_MAX:
            raise PlanInvalid(
                f"a plan of {len(body):,} bytes is not kept",
                kind="unreadable",
                hint="`purchase import plan -o FILE`, and `apply FILE`, do as large ones as there are.",
            )
        connection = plan.account.connection
        command = Command(
            key=f"{KIND}:{plan.seal}",
            id=self._ids.new("receipt"),
            kind=KIND,
            lane=f"import:{connection}",
            fingerprint=plan.seal,
            state=CONFIRMED,
            connection=connection,
            reference=plan.seal,
            created_at=now,
            updated_at=now,
            stages=(Stage("planned", now, summary(plan)),),
            request=body,
        )
        await self._store.commit(Batch(self._ids.new("batch"), now, command=command))

    async def get(self, seal: str) -> ImportPlan:
        """The plan of a seal. Raises NotFound where it was never kept: it is in somebody's file."""
        command = await self._store.command(f"{KIND}:{seal}")
        if command is None:
            raise NotFound("its plan is in a file", hint="`purchase import apply FILE` goes on with it.")
        return decode_import(command.request)
