"""Chance: drawn from a key, spread as the weights say, and moved no further than the weights moved."""

from __future__ import annotations

import pytest

from purchase_core.routing.chance import LOTS, draw, drawn_order, happens
from purchase_core.routing.intervals import wilson

KEYS = [f"user_{number}" for number in range(20_000)]


def first(weights: dict[str, int], key: str) -> str:
    return drawn_order(list(weights.items()), "salt", "share", key)[0]


def test_the_same_key_draws_the_same_lot_and_other_keys_and_salts_another() -> None:
    assert draw("salt", "share", "user_1") == draw("salt", "share", "user_1")
    lots = {draw(salt, step, key) for salt in "ab" for step in "ab" for key in ("1", "2", "\ud800")}
    assert len(lots) == 12
    assert all(0 <= lot < LOTS for lot in lots)


def test_pinned_lots_do_not_change_between_versions() -> None:
    assert draw("default", "share:0", "user_1") == 5_079_592_931_889_577
    assert drawn_order([("a", 50), ("b", 30), ("c", 20)], "default", "share", "user_1") == ["b", "a", "c"]


@pytest.mark.parametrize(("name", "percent"), [("a", 70), ("b", 25), ("c", 5), ("d", 0)])
def test_a_share_gets_its_part(name: str, percent: int) -> None:
    drawn = sum(first({"a": 70, "b": 25, "c": 5, "d": 0}, key) == name for key in KEYS)
    low, high = wilson(drawn, len(KEYS), z=4)
    assert low <= percent / 100 <= high


def test_who_falls_out_moves_only_its_own_customers() -> None:
    before = {key: drawn_order([("a", 50), ("b", 30), ("c", 20)], "s", "share", key) for key in KEYS[:2_000]}
    for order in before.values():
        left = [name for name in order if name != "b"]
        assert order[0] == "b" or left[0] == order[0]


def test_who_falls_out_is_replaced_by_weight() -> None:
    orders = [drawn_order([("a", 60), ("b", 30), ("c", 10)], "s", "share", key) for key in KEYS]
    after = [next(name for name in order if name != "a") for order in orders]
    low, high = wilson(after.count("b"), len(KEYS), z=4)
    assert low <= 0.75 <= high


def test_weights_that_shift_a_little_move_few() -> None:
    moved = sum(first({"a": 70, "b": 30}, key) != first({"a": 60, "b": 40}, key) for key in KEYS)
    assert moved / len(KEYS) == pytest.approx(0.10, abs=0.01)


@pytest.mark.parametrize(("percent", "least", "most"), [(0, 0, 0), (100, 20_000, 20_000), (10, 1_830, 2_170)])
def test_something_happens_as_often_as_it_should(percent: int, least: int, most: int) -> None:
    assert least <= sum(happens(percent, "s", "explore", key) for key in KEYS) <= most


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # The figures of Newcombe (1998), method 3, and the ends.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (29, 29, 0.8830, 1.0),
        (0, 0, 0.0, 1.0),
    ],
)
def test_the_interval_is_wilsons(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-5)
