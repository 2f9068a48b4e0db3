"""The contract of stores, whole."""

from __future__ import annotations

from purchase_contract_tests.store.as_of import AsOf
from purchase_contract_tests.store.batches import Batches
from purchase_contract_tests.store.canonical import CanonicalHash
from purchase_contract_tests.store.commands import Commands
from purchase_contract_tests.store.concurrency import Concurrency
from purchase_contract_tests.store.deadlines import Deadlines
from purchase_contract_tests.store.erasing import Erasing
from purchase_contract_tests.store.facts import Facts
from purchase_contract_tests.store.histories import Histories
from purchase_contract_tests.store.holdings import LaneHoldings
from purchase_contract_tests.store.hostile_values import HostileValues
from purchase_contract_tests.store.inbox import Inbox
from purchase_contract_tests.store.isolation import Isolation
from purchase_contract_tests.store.keys import Keys
from purchase_contract_tests.store.lanes import Lanes
from purchase_contract_tests.store.ledger import Ledger
from purchase_contract_tests.store.limits import Limits
from purchase_contract_tests.store.mailboxes import Mailboxes
from purchase_contract_tests.store.outbox import Outbox
from purchase_contract_tests.store.prices import Prices
from purchase_contract_tests.store.processes import Processes
from purchase_contract_tests.store.reads import Reads
from purchase_contract_tests.store.rebuilds import Rebuilds
from purchase_contract_tests.store.references import References
from purchase_contract_tests.store.restart import Restart
from purchase_contract_tests.store.rows import Rows
from purchase_contract_tests.store.runs import Runs
from purchase_contract_tests.store.schema import Schema
from purchase_contract_tests.store.tallies import Tallies
from purchase_contract_tests.store.together import Together
from purchase_contract_tests.store.unstorable import Unstorable


class StoreContract(
    Batches,
    Together,
    Keys,
    Lanes,
    Facts,
    AsOf,
    References,
    Prices,
    Inbox,
    Commands,
    Outbox,
    Deadlines,
    Mailboxes,
    Erasing,
    Rows,
    CanonicalHash,
    LaneHoldings,
    Runs,
    Tallies,
    Rebuilds,
    Ledger,
    Reads,
    Isolation,
    HostileValues,
    Unstorable,
    Restart,
    Schema,
    Limits,
    Concurrency,
    Processes,
    Histories,
):
    """What every store promises. Subclass it in a test module, and say how to open one:

    class TestMyStore(StoreContract):
        capabilities = frozenset({StoreCapability.DURABLE})

        @asynccontextmanager
        async def store(self):
            with TemporaryDirectory() as directory:
                async with MyStore(directory) as store:
                    yield store

        def reopen(self, store):
            return MyStore(store.directory)
    """
