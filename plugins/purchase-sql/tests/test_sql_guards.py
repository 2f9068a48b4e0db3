"""Guards hold inside the statements: a batch is run blindly here, as D1 would run it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

import pytest
from msgspec.structs import asdict, replace

from purchase_contract_tests.store.samples import (
    ANA,
    BEN,
    NOW,
    batch_of_everything,
    batch_of_facts,
    case,
    cluster,
    command,
    delivery,
    effect,
    later,
    offer,
    price,
    recorded,
    reference,
    refund,
    row_of_each_table,
    step,
)
from purchase_core.errors import KeyConflict, LaneConflict, LeaseLost
from purchase_core.instants import Instant
from purchase_core.ports.batch import Batch
from purchase_core.records.delivery import DONE, Settlement
from purchase_sql.clusters import ClusterTexts
from purchase_sql.encode import operations
from purchase_sql.generated.d1 import STATEMENTS as D1
from purchase_sql.generated.sqlite import STATEMENTS
from purchase_sql.migration import migrations
from purchase_sql.refusals import Guard, broken_constraint, broken_guard, inquiry, refusal
from purchase_sql.shapes import Value
from purchase_sql.texts import texts
from purchase_sql.wire import grouped

PREFIX = "app_"
TEXTS = texts(STATEMENTS, PREFIX)
D1_TEXTS = texts(D1, PREFIX)
CLUSTERS = ClusterTexts()


class Database(sqlite3.Connection):
    """Remembers how it is given its values: one by one, or whole rows as a list."""

    lists_rows = False


@pytest.fixture(params=[False, True], ids=["one by one", "as a list"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    connection = sqlite3.connect(":memory:", isolation_level=None, factory=Database)
    connection.lists_rows = request.param
    connection.create_function("unhex", 1, bytes.fromhex)  # of newer versions than some that Pythons bring
    for migration in migrations("sqlite", PREFIX):
        for statement in migration.statements:
            connection.execute(statement)
    run(connection, batch_of_everything())
    yield connection
    connection.close()


def numbered(values: Sequence[Value]) -> dict[str, Value]:
    """Values for `?1` and so on: to Python's sqlite3 those are names."""
    return {str(number): value for number, value in enumerate(values, 1)}


def written(database: Database, batch: Batch) -> Sequence[tuple[str, Sequence[Value]]]:
    """The statements of a batch and their values."""
    if database.lists_rows:
        return grouped(operations(D1_TEXTS, CLUSTERS, batch))
    return operations(TEXTS, CLUSTERS, batch)


def run(database: Database, batch: Batch) -> None:
    """All statements in one transaction, none of which looks at what another returned."""
    database.execute("BEGIN")
    try:
        for statement, values in written(database, batch):
            database.execute(statement, numbered(values))
    except sqlite3.Error:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def breach(database: Database, batch: Batch) -> tuple[Guard | None, object]:
    """The guard that a batch breaks, and the error that this means."""
    before = list(database.iterdump())
    with pytest.raises(sqlite3.IntegrityError) as broken:
        run(database, batch)
    assert list(database.iterdump()) == before
    guard = broken_guard(str(broken.value), PREFIX)
    assert guard is not None
    text, values = inquiry(TEXTS, batch, guard)
    return guard, refusal(batch, guard, database.execute(text, numbered(values)).fetchall())


@pytest.mark.parametrize(
    ("lane", "expected", "says"),
    [
        (ANA, 0, "is at 1, not at 0"),  # somebody inserted it in between
        (ANA, 2, "is at 1, not at 2"),
        (BEN, 1, "is at 0, not at 1"),  # there is no row to compare with
        (BEN, 7, "is at 0, not at 7"),
    ],
)
def test_f99_a_lane_at_another_version_ends_the_batch(
    database: Database, lane: str, expected: int, says: str
) -> None:
    guard, error = breach(database, Batch("batch_2", NOW, lanes=(step(lane, expected),)))
    assert guard is Guard.LANE
    assert isinstance(error, LaneConflict)
    assert says in error.message
    assert lane in error.message


def test_one_stale_lane_of_several_ends_the_batch(database: Database) -> None:
    guard, error = breach(database, Batch("batch_2", NOW, lanes=(step(BEN), step(ANA, 5))))
    assert guard is Guard.LANE
    assert ANA in str(error)


def test_lanes_are_taken_in_order() -> None:
    batch = Batch("batch_2", NOW, lanes=(step("customer:z"), step("customer:a"), step("customer:m")))
    taken = [values[0] for text, values in operations(TEXTS, CLUSTERS, batch) if text == TEXTS.lane_step]
    assert taken == sorted(step.lane for step in batch.lanes)
    assert operations(TEXTS, CLUSTERS, batch)[0] == (TEXTS.batch_insert, ("batch_2", NOW))


def test_f80_two_batches_ask_for_the_rows_they_share_in_one_order() -> None:
    """Whatever order they were decided in: then neither holds what the other needs next."""
    facts = [recorded(refund(f"re_{number}"), ANA) for number in range(3)]
    clusters = [replace(cluster(ANA, one.fact), root=f"root_{place}") for place, one in enumerate(facts)]
    batch = Batch(
        "batch_2",
        NOW,
        lanes=(step(ANA), step(BEN)),
        facts=tuple(facts),
        clusters=tuple(clusters[:2]),
        dropped_clusters=("root_2", "root_0"),
        rows=(*row_of_each_table(), case("case_2"), case("case_9")),
        dropped_rows=tuple((type(row), f"{row.key}9") for row in row_of_each_table()),
        references=tuple(reference(f"re_{number}") for number in range(3)),
        prices=(price("price_2"), price("price_1"), price("price_1", currency="EUR")),
        offers=(offer(), offer(trial_days=7)),
        deliveries=tuple(delivery(number) for number in range(3)),
        settlements=tuple(Settlement(f"delivery_{number}", 1, DONE, "", 1, NOW) for number in range(3)),
        effects=tuple(effect(f"effect_{number}") for number in range(3)),
    )
    lists = {name: value for name, value in asdict(batch).items() if isinstance(value, tuple)}
    crossed = replace(batch, **{name: tuple(reversed(value)) for name, value in lists.items()})
    ours, theirs = (
        [(text, values[:2]) for text, values in operations(TEXTS, CLUSTERS, one) if "facts" not in text]
        for one in (batch, crossed)
    )
    assert ours == theirs
    keys, their_keys = (
        [values[0] for text, values in operations(TEXTS, CLUSTERS, one) if "facts" in text]
        for one in (batch, crossed)
    )
    assert keys == their_keys


def test_what_is_dropped_and_written_is_written_whatever_else_is(database: Database) -> None:
    """A list of rows is written where the first of them comes: that may be before the drops."""
    rows = (case("case_0"), case("case_2"))
    batch = Batch("batch_2", NOW, rows=rows, dropped_rows=((type(rows[1]), rows[1].key),))
    run(database, batch)
    run(database, replace(batch, id="batch_3"))
    found = database.execute(f'SELECT key FROM "{PREFIX}cases" ORDER BY key').fetchall()  # noqa: S608  # ours
    assert {rows[0].key, rows[1].key} <= {key for (key,) in found}


def test_what_was_emptied_before_is_not_written_again(database: Database) -> None:
    """Whoever goes through old deliveries once more writes nothing, however many they are."""
    emptied, nothing = (Batch(one, NOW, redacted=(delivery(1).id,)) for one in ("batch_2", "batch_3"))
    before = database.total_changes
    run(database, emptied)
    assert database.total_changes == before + 2, "the batch, and the delivery"
    run(database, nothing)
    assert database.total_changes == before + 3, "the batch alone"


def test_a_fact_key_with_other_content_ends_the_batch(database: Database) -> None:
    one = replace(refund(), object="refund:acme:x@7#aa", order=NOW, digest="bb")
    other = replace(refund(), object="refund:acme:x", order=Instant(7), digest=f"aa@{NOW}#bb")
    run(database, batch_of_facts("batch_2", recorded(one), version=1))
    facts = (recorded(refund("re_9")), recorded(other))
    guard, error = breach(database, batch_of_facts("batch_3", *facts, version=2))
    assert guard is Guard.FACT
    assert isinstance(error, KeyConflict)
    assert (error.kind, error.key) == ("fact", other.key)
    another = replace(one, digest="cc", object="refund:acme:y")
    twice = batch_of_facts("batch_4", recorded(another), version=2)
    run(database, twice)


def test_a_price_of_another_version_ends_the_batch(database: Database) -> None:
    prices = (price("price_9"), price(currency="EUR", version="v9"), price(version="v2"))
    guard, error = breach(database, Batch("batch_2", NOW, prices=prices))
    assert guard is Guard.PRICE
    assert isinstance(error, KeyConflict)
    assert (error.kind, error.key) == ("price", "acme:price_1:USD")


@pytest.mark.parametrize("taken", [command(identifier="other"), command(key="other")], ids=["key", "id"])
def test_a_command_that_is_taken_ends_the_batch(database: Database, taken: object) -> None:
    guard, error = breach(database, Batch("batch_2", NOW, command=taken))  # type: ignore[arg-type]
    assert guard is Guard.COMMAND
    assert isinstance(error, KeyConflict)
    assert error.kind == "command"


def test_f06_an_event_that_is_known_ends_the_batch(database: Database) -> None:
    again = replace(delivery(5), event_id=delivery(1).event_id)
    guard, error = breach(database, Batch("batch_2", NOW, deliveries=(delivery(4), again)))
    assert guard is Guard.DELIVERY
    assert isinstance(error, KeyConflict)
    assert (error.kind, error.key) == ("delivery", "acme:evt_1")


def test_an_event_that_comes_twice_in_one_batch_ends_it(database: Database) -> None:
    twice = (delivery(4), replace(delivery(5), event_id=delivery(4).event_id))
    guard, error = breach(database, Batch("batch_2", NOW, deliveries=twice))
    assert guard is Guard.DELIVERY
    assert isinstance(error, KeyConflict)
    assert error.key == "acme:evt_4"


@pytest.mark.parametrize("identifier", [delivery(1).id, "delivery_404"])
def test_f91_a_settlement_under_another_fence_ends_the_batch(database: Database, identifier: str) -> None:
    settlement = Settlement(identifier, 3, DONE, "", 1, NOW)
    guard, error = breach(database, Batch("batch_2", NOW, lanes=(step(BEN),), settlements=(settlement,)))
    assert guard is Guard.LEASE
    assert isinstance(error, LeaseLost)
    assert identifier in error.message


def test_f81_a_batch_that_was_written_is_told_before_any_conflict(database: Database) -> None:
    stale = replace(batch_of_everything(), lanes=(step(ANA, 9),), at=later(9))
    assert breach(database, stale) == (Guard.BATCH, None)


@pytest.mark.parametrize(
    ("message", "guard"),
    [
        ("CHECK constraint failed: app_lanes_expected", Guard.LANE),
        ("D1_ERROR: CHECK constraint failed: app_facts_same: SQLITE_CONSTRAINT", Guard.FACT),
        (
            "CHECK constraint failed: app_deliveries_held: SQLITE_CONSTRAINT (extended: X)",
            Guard.LEASE,
        ),
        ("UNIQUE constraint failed: app_commands.id: SQLITE_CONSTRAINT", Guard.COMMAND),
        ("UNIQUE constraint failed: app_lanes.lane", None),
        ("CHECK constraint failed: other", None),
        ("NOT NULL constraint failed: app_lanes.version", None),
    ],
)
def test_an_error_text_names_its_guard(message: str, guard: Guard | None) -> None:
    assert broken_guard(message, PREFIX) is guard


@pytest.mark.parametrize(
    ("name", "guard"),
    [
        *((f"app_{guard}", guard) for guard in Guard),
        ("app_commands_id", Guard.COMMAND),
        ("app_deliveries_pk", Guard.DELIVERY),
        ("app_lanes_pk", None),
        ("other", None),
    ],
)
def test_a_constraint_is_its_guard_by_name(name: str, guard: Guard | None) -> None:
    assert broken_constraint(name, PREFIX) is guard


def test_a_conflict_that_is_over_when_it_is_looked_into_is_still_one() -> None:
    batch = replace(batch_of_everything(), settlements=(Settlement("d", 0, DONE, "", 1, NOW),))
    agreeing = {
        Guard.LANE: [(one.lane, one.expected_version) for one in batch.lanes],
        Guard.FACT: [],
        Guard.PRICE: [],
        Guard.COMMAND: [],
        Guard.DELIVERY: [],
        Guard.LEASE: [("d", 0)],
    }
    for guard, found in agreeing.items():
        assert isinstance(refusal(batch, guard, found), LaneConflict | KeyConflict | LeaseLost)
