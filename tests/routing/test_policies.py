"""Reading a policy: strictly, every problem at once, and a version by content."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from typing import Any

import pytest

from purchase_core.config.policies import read_policy
from purchase_core.errors import PolicyInvalid
from purchase_core.ports.provider import Capabilities, Capability
from purchase_core.ports.router import Attribute
from purchase_core.routing.conditions import Between, Is, NoneOf, OneOf
from purchase_core.routing.policy import Policy, decode_policy
from purchase_core.routing.problems import check_against
from purchase_core.testing.sales import CATALOG

TABLE = tomllib.loads("""
name = "2026-11"
share = { stripe = 70, paddle = 30 }
share_by = "customer"

[attributes]
tier = ["silver", "gold"]
score = "number"
staff = "flag"

[connections.paddle]
countries = ["DE", "FR"]
tax = "inclusive"
costs = [{ basis_points = 500, fixed = 50 }]
maintenance = [{ starts = 2026-12-01T00:00:00Z, ends = 2026-12-01T02:00:00Z }]

[[rules]]
name = "gold"
when = { tier = "gold", country = { not = "US" }, amount = { least = 1000 }, trial = false }
only = ["stripe"]

[[rules]]
when = { country = ["FR", "DE"], at = { most = 2027-01-01T00:00:00Z } }
share = { stripe = 50, paddle = 50 }

[score]
success = 1.0
segment = ["country"]

[stickiness]
agreement = "prefer"
""")


def test_a_policy_is_read_as_it_is_written() -> None:
    policy = read_policy(TABLE)
    assert policy.attributes == {
        "tier": Attribute("text", ("gold", "silver")),
        "score": Attribute("number"),
        "staff": Attribute("flag"),
    }
    gold, second = policy.rules
    assert gold.when == {
        "tier": OneOf(("gold",)),
        "country": NoneOf(("US",)),
        "amount": Between(1_000),
        "trial": Is(False),
    }
    assert (second.name, second.when["country"]) == ("rule 2", OneOf(("DE", "FR")))
    end = datetime(2027, 1, 1, tzinfo=UTC)
    assert second.when["at"] == Between(None, int(end.timestamp()) * 1_000_000)
    (window,) = policy.connections["paddle"].maintenance
    assert window.ends - window.starts == 2 * 3_600 * 1_000_000
    assert (policy.score.success, policy.score.segment, policy.stickiness.agreement) == (
        1.0,
        ("country",),
        "prefer",
    )


def test_what_is_kept_is_the_same_policy_with_the_same_hash() -> None:
    policy = read_policy(TABLE)
    again = decode_policy(policy.encode())
    assert again == policy
    assert (again.hash, again.encode()) == (policy.hash, policy.encode())


def test_the_content_is_the_version() -> None:
    policy = read_policy(TABLE)
    shuffled = {key: TABLE[key] for key in reversed(list(TABLE))}
    assert read_policy(shuffled).hash == policy.hash
    assert read_policy({**TABLE, "unknown_country": "allow"}).hash != policy.hash
    assert read_policy({**TABLE, "rules": TABLE["rules"][::-1]}).hash != policy.hash


def test_defaults_that_are_written_out_make_no_other_version() -> None:
    written: dict[str, object] = {
        "name": "default",
        "rules": [],
        "share": {},
        "health": {"probe_percent": 10},
        "score": {},
        "attributes": {},
    }
    assert read_policy(written).hash == Policy().hash
    assert Policy().encode() == b"{}"


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown key": ({"shares": {}}, "unknown key 'shares' Did you mean 'share'?"),
    "an unknown key of a section": ({"health": {"probes": 1}}, "unknown key 'probes'"),
    "an unknown key of a rule": ({"rules": [{"name": "a", "onli": ["x"]}]}, "rule 'a': unknown key 'onli'"),
    "an unknown attribute": (
        {"rules": [{"when": {"tier": "gold"}}]},
        "rule 'rule 1': tier: no such attribute",
    ),
    "a built-in attribute": ({"attributes": {"country": "text"}}, "attribute 'country' is built in"),
    "an attribute of no kind": (
        {"attributes": {"tier": "float"}},
        "attribute 'tier' must be text, number, flag",
    ),
    "no table": ({"score": 7}, "'score' must be a table"),
    "no list": ({"rules": {"name": "a"}}, "rules must be a list"),
    "no rule": ({"rules": ["a"]}, "rule 1 must be a table"),
    "a number for a text": (
        {"rules": [{"when": {"country": 49}}]},
        "country: must be a text, a list of texts",
    ),
    "a text for a number": ({"rules": [{"when": {"amount": "9"}}]}, "amount: must be a whole number"),
    "a float": ({"rules": [{"when": {"amount": 9.5}}]}, "amount: must be a whole number"),
    "a yes for a number": ({"rules": [{"when": {"amount": True}}]}, "amount: must be a whole number"),
    "a number for a yes": ({"rules": [{"when": {"trial": 1}}]}, "trial: must be true or false"),
    "a time without a zone": (
        {"rules": [{"when": {"at": {"least": datetime(2026, 1, 1)}}}]},  # noqa: DTZ001
        "at: must be a whole number, a time",
    ),
    "maintenance backwards": (
        {
            "connections": {
                "p": {
                    "maintenance": [
                        {"starts": datetime(2026, 2, 1, tzinfo=UTC), "ends": datetime(2026, 1, 1, tzinfo=UTC)}
                    ]
                }
            }
        },
        "maintenance of 'p' ends before it starts",
    ),
    "two rules of one name": (
        {"rules": [{"name": "a", "when": {"country": "DE"}}, {"name": "a", "when": {"country": "FR"}}]},
        "two rules are named 'a'",
    ),
    "shares of 90": ({"share": {"a": 60, "b": 30}}, "the shares of the policy add up to 90, not to 100"),
    "shares of a rule": (
        {"rules": [{"name": "a", "share": {"a": 101}}]},
        "the shares of rule 'a' add up to 101",
    ),
    "a share below 0": ({"share": {"a": 101, "b": -1}}, "the policy has a share below 0"),
    "a share for what is left out": (
        {"rules": [{"name": "a", "only": ["x"], "share": {"y": 100}}]},
        "rule 'a' gives a share to 'y', which it leaves out",
    ),
    "preferred and excluded": (
        {"rules": [{"name": "a", "prefer": ["x"], "exclude": ["x"]}]},
        "rule 'a' both names and excludes 'x'",
    ),
    "preferred and left out": (
        {"rules": [{"name": "a", "prefer": ["x"], "only": ["y"]}]},
        "rule 'a' prefers 'x', which it leaves out",
    ),
    "a rule that never matches": (
        {"rules": [{"name": "a", "when": {"amount": {"least": 5, "most": 4}}}]},
        "rule 'a' can never match: nothing meets its condition on amount",
    ),
    "a value that an attribute never has": (
        {"attributes": {"tier": ["gold"]}, "rules": [{"name": "a", "when": {"tier": "golden"}}]},
        "rule 'a' can never match: nothing meets its condition on tier",
    ),
    "a quantity of none": ({"rules": [{"name": "a", "when": {"quantity": 0}}]}, "rule 'a' can never match"),
    "a product that is none": (
        {"rules": [{"name": "a", "when": {"product": "gift"}}]},
        "rule 'a' can never match",
    ),
    "a shadowed rule": (
        {
            "rules": [
                {"name": "all", "when": {"country": ["DE", "FR"]}},
                {"name": "de", "when": {"country": "DE"}},
            ]
        },
        "rule 'de' is shadowed by 'all'",
    ),
    "a rule that several shadow": (
        {
            "rules": [
                {"name": "small", "when": {"amount": {"most": 99}}},
                {"name": "large", "when": {"amount": {"least": 100}}},
                {"name": "any"},
            ]
        },
        "rule 'any' is shadowed by those before it together",
    ),
    "a country of three letters": (
        {"connections": {"p": {"countries": ["DEU"]}}},
        "'DEU', which is no country",
    ),
    "a rule's country in lower case": ({"rules": [{"when": {"country": "de"}}]}, "names country 'de'"),
    "a currency that is none": (
        {"connections": {"p": {"currencies": ["EURO"]}}},
        "'EURO', which is no currency",
    ),
    "a cost below 0": ({"connections": {"p": {"costs": [{"basis_points": -1}]}}}, "has a cost below 0"),
    "a share by nothing": ({"share_by": "tier"}, "share_by names 'tier', which is neither"),
    "a percent of 101": ({"score": {"explore_percent": 101}}, "score.explore_percent must be from 0 to 100"),
    "no evidence": ({"score": {"evidence_min": 0}}, "score.evidence_min must be at least 1"),
    "a weight that is not finite": ({"score": {"success": float("nan")}}, "score.success must be a weight"),
    "a weight without end": ({"score": {"plugins": float("inf")}}, "score.plugins must be a weight"),
    "a segment of persons": ({"score": {"segment": ["customer"]}}, "score.segment names 'customer'"),
    "a word that is none of those": (
        {"stickiness": {"agreement": "always"}},
        "a value is none of those allowed",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_problem_is_found_and_named(name: str) -> None:
    table, told = WRONG[name]
    with pytest.raises(PolicyInvalid) as invalid:
        read_policy(table)
    assert [line for line in invalid.value.problems if told in line], invalid.value.problems


def test_all_problems_come_at_once() -> None:
    table: dict[str, object] = {
        "nonsense": 1,
        "share": {"a": 1},
        "score": {"explore_percent": -1},
        "rules": [{"name": "x", "when": {"moon": "full", "sun": 1}}, {"name": "x", "onli": []}],
        "connections": {"p": {"countries": ["Germany"], "tax": "none"}},
    }
    with pytest.raises(PolicyInvalid) as invalid:
        read_policy(table)
    told = "\n".join(invalid.value.problems)
    for part in (
        "nonsense",
        "moon",
        "sun",
        "onli",
        "add up to 1",
        "explore_percent",
        "two rules",
        "connection 'p'",
    ):
        assert part in told, part


@pytest.mark.parametrize(
    ("rules", "shadowed"),
    [
        ([{"amount": {"most": 10}}, {"amount": {"least": 11}, "country": "DE"}, {"country": "DE"}], True),
        ([{"amount": {"most": 10}}, {"amount": {"least": 12}}, {}], False),
        ([{"country": {"not": ["DE"]}}, {"country": "DE"}, {}], True),
        ([{"country": {"not": ["DE", "FR"]}}, {"country": "DE"}, {}], False),
        ([{"trial": True}, {"trial": False}, {"returning": True}], True),
        ([{"trial": True, "returning": True}, {"trial": False}, {"returning": True}], True),
        ([{"trial": True, "returning": True}, {"trial": False}, {"returning": False}], False),
        ([{"product": "subscription"}, {"product": ["one_time", "credit_pack"]}, {"country": "DE"}], True),
    ],
)
def test_a_rule_is_shadowed_where_nothing_is_left_for_it(
    rules: list[dict[str, Any]], *, shadowed: bool
) -> None:
    table = {"rules": [{"name": f"r{place}", "when": when} for place, when in enumerate(rules)]}
    if not shadowed:
        read_policy(table)
        return
    with pytest.raises(PolicyInvalid, match="rule 'r2' is shadowed"):
        read_policy(table)


# --- against what is sold, and where ---------------------------------------------------------------

EVERYTHING = Capabilities(frozenset(Capability), key_lifetime_seconds=0)
ONLY_ONCE = Capabilities(frozenset({Capability.ONE_TIME_CHECKOUT}), 0)
DOLLARS = Capabilities(frozenset(Capability), 0, frozenset({"USD"}))

MISFITS: dict[str, tuple[dict[str, Any], str]] = {
    "a stranger in a share": (
        {"share": {"stripe": 50, "acme": 50}},
        "the policy's share names 'acme', which is not",
    ),
    "a stranger in a rule": (
        {"rules": [{"name": "a", "prefer": ["acme"]}]},
        "rule 'a' names 'acme', which is not",
    ),
    "a stranger with terms": ({"connections": {"acme": {}}}, "[connections.acme] names 'acme', which is not"),
    "an offer that is not sold": (
        {"rules": [{"name": "a", "when": {"offer": "app:prp"}}]},
        "'app:prp', which is not",
    ),
    "a currency that nothing is sold in": (
        {"rules": [{"name": "a", "when": {"currency": "JPY"}}]},
        "'JPY', in which nothing is sold",
    ),
    "a connection that cannot": (
        {"rules": [{"name": "a", "when": {"offer": "app:team"}, "only": ["once"]}]},
        "rule 'a' sends 'app:team' to 'once', which has no subscription_checkout, trial",
    ),
    "a share for one that cannot": (
        {"rules": [{"name": "a", "when": {"offer": "app:pro"}, "share": {"stripe": 50, "once": 50}}]},
        "rule 'a' sends 'app:pro' to 'once', which has no subscription_checkout",
    ),
    "a connection that does not sell in it": (
        {"rules": [{"name": "a", "when": {"offer": "app:pro"}, "prefer": ["dollars"]}]},
        "rule 'a' sends 'app:pro' to 'dollars', which does not sell in EUR",
    ),
}


@pytest.mark.parametrize("name", MISFITS)
def test_what_does_not_fit_catalog_and_connections_is_named(name: str) -> None:
    table, told = MISFITS[name]
    connections = {"stripe": EVERYTHING, "once": ONLY_ONCE, "dollars": DOLLARS}
    with pytest.raises(PolicyInvalid) as invalid:
        check_against(read_policy(table), CATALOG.offers, connections)
    assert len(invalid.value.problems) == 1
    assert told in invalid.value.problems[0]


def test_what_fits_is_not_complained_of() -> None:
    table: dict[str, object] = {
        "share": {"stripe": 100},
        "rules": [
            {
                "name": "a",
                "when": {"offer": "book:full", "currency": "EUR"},
                "share": {"once": 100, "dollars": 0},
            }
        ],
    }
    check_against(
        read_policy(table), CATALOG.offers, {"stripe": EVERYTHING, "once": ONLY_ONCE, "dollars": DOLLARS}
    )
