"""Rules: the index finds what reading them one by one finds, and regions know what is left for a rule."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from purchase_core.routing.attributes import BUILT_IN, reader
from purchase_core.routing.conditions import Between, Condition, Is, NoneOf, OneOf, holds
from purchase_core.routing.index import RuleIndex
from purchase_core.routing.policy import Rule
from purchase_core.routing.regions import is_empty, left_over, region
from tests.routing.samples import request

COUNTRIES, AMOUNTS = ("DE", "FR", "US"), (0, 1, 2, 3)

texts = st.lists(st.sampled_from(COUNTRIES[:2]), max_size=2, unique=True).map(tuple)
bounds = st.none() | st.sampled_from(AMOUNTS)
conditions: dict[str, st.SearchStrategy[Condition]] = {
    "country": st.builds(OneOf, texts) | st.builds(NoneOf, texts),
    "amount": st.builds(Between, bounds, bounds),
    "trial": st.builds(Is, st.booleans()),
}
whens = st.fixed_dictionaries({}, optional=conditions)
rules = st.lists(whens, max_size=6).map(
    lambda whens: [Rule(f"r{place}", when) for place, when in enumerate(whens)]
)
EVERY_REQUEST = [
    request(country=country, unit_amount=amount, trial_days=days)
    for country, amount, days in product(COUNTRIES, AMOUNTS, (0, 14))
]


def matches(when: Mapping[str, Condition], asked: object) -> bool:
    return all(holds(condition, reader(name)(asked)) for name, condition in when.items())  # type: ignore[arg-type]


@given(rules)
def test_the_index_finds_the_first_rule_whose_every_condition_holds(some: list[Rule]) -> None:
    index = RuleIndex(some)
    for asked in EVERY_REQUEST:
        expected = next((rule for rule in some if matches(rule.when, asked)), None)
        assert index.first(asked) is expected


def test_what_was_not_said_meets_no_condition() -> None:
    index = RuleIndex(
        [Rule("not gold", {"tier": NoneOf(("gold",))}), Rule("few", {"seats": Between(None, 5)})]
    )
    assert index.first(request()) is None
    assert index.first(request(attributes=(("tier", "silver"),))).name == "not gold"  # type: ignore[union-attr]
    assert index.first(request(attributes=(("seats", 3),))).name == "few"  # type: ignore[union-attr]


@given(whens, st.lists(whens, max_size=4))
def test_something_is_left_for_a_rule_just_where_a_request_reaches_it(
    when: Mapping[str, Condition], earlier: list[Mapping[str, Condition]]
) -> None:
    # The requests are all there are, as far as these conditions can tell.
    reaching = [
        asked
        for asked in [*EVERY_REQUEST, *(request(country=c, unit_amount=a, trial_days=t)
                                        for c in COUNTRIES for a in (-1, 4) for t in (0, 14))]
        if matches(when, asked) and not any(matches(one, asked) for one in earlier)
    ]  # fmt: skip
    mine = region(when, BUILT_IN)
    others = [region(one, BUILT_IN) for one in earlier]
    assert (not is_empty(mine) and left_over(mine, others, BUILT_IN)) == bool(reaching)
