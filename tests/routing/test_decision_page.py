"""The page of a decision says what the decision says, and shows nothing as markup that is text."""

from __future__ import annotations

import re
from html import unescape

from msgspec.structs import replace

from purchase_core.ports.router import Agreement, Evidence, Health, Said, Trouble
from purchase_core.records.command import Stage
from purchase_core.routing.decision_page import STEPS, decision_page, decision_section
from tests.routing.samples import ALL, NOW, PADDLE, STRIPE, THIRD, decide, request

POLICY: dict[str, object] = {
    "share": {"stripe": 70, "paddle": 30},
    "score": {"success": 1.0},
    "rules": [{"name": "at home", "when": {"country": ["DE"]}, "exclude": ["third"]}],
}


def text_of(page: str) -> str:
    body = page.rpartition("</style>")[2]
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)))


def test_it_says_where_and_why_and_who_was_left_out() -> None:
    learnt = replace(STRIPE, evidence=Evidence(100, 90), health=Health("closed", 40, 3, 210))
    found = decide(POLICY, request(country="DE", links=("paddle",)), (learnt, PADDLE, THIRD))
    shown = text_of(decision_page(found))
    first = found.order[0]
    assert f"It goes to {first} , and to" in shown
    assert "Rule at home applies." in shown
    assert "rules: left out by rule 'at home'" in shown
    assert "90 of 100 (83 to 94 %)" in shown
    assert "up, 3 of 40 calls failed" in shown
    assert found.policy in shown
    assert "purchase route verify" not in shown


def test_each_step_is_a_row_and_who_has_fallen_out_is_in_none_after_it() -> None:
    down = replace(PADDLE, health=Health("open"))
    found = decide(POLICY, request(country="DE"), (STRIPE, down, THIRD))
    page = decision_section(found)
    ladder = {
        match[0]: match[1].count("✓")
        for match in re.findall(r'<tr><th scope="row">(\w+)<br>.*?</th>(.*?)</tr>', page)
    }
    assert ladder == {"eligibility": 3, "stickiness": 3, "sameness": 3, "rules": 2, "health": 1}
    assert tuple(ladder) == tuple(STEPS)
    assert "✕ is down" in page


def test_a_decision_without_an_order_says_nowhere() -> None:
    found = decide({}, request(needs=("portal",)))
    assert "It goes nowhere : nobody can take it." in text_of(decision_page(found))
    assert "there is nobody to choose from" in decision_page(decide({}, request(), ()))


def test_a_receipt_brings_what_happened_then_and_how_to_run_it_again() -> None:
    stages = (Stage("failed_over", NOW, "stripe to paddle: http_500"),)
    shown = text_of(decision_page(decide({}), receipt="receipt_1", connection="paddle", stages=stages))
    assert "It went to stripe first, and in the end to paddle ." in shown
    assert "failed_over stripe to paddle: http_500" in shown
    assert "purchase route verify receipt_1" in shown


def test_nothing_that_was_said_is_markup() -> None:
    mean = "<script>alert(1)</script>"
    said = replace(STRIPE, said=(Said(mean, 1.0), Said("b", excluded=mean)))
    asked = request(
        customer=mean, offer=mean, channel=mean, country=mean, attributes=((mean, mean),), key=mean,
        links=(mean,), agreements=(Agreement(mean, mean),), quantity=2,
    )  # fmt: skip
    found = replace(
        decide({"stickiness": {"agreement": "ignore"}}, asked, (said, *ALL[1:])),
        rule=mean,
        router=mean,
        troubles=(Trouble(mean, mean, mean),),
    )
    page = decision_page(found, receipt=mean, stages=(Stage(mean, NOW, mean),))
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 12
