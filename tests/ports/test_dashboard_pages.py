"""Pages of providers' dashboards: one folder for a kind and the shape of its ids, and nothing else."""

from __future__ import annotations

import pytest

from purchase_core.ports.provider import dashboard_page

DASHBOARD = "https://dashboard.example"
FOLDERS = {("customer", "cus_"): "customers", ("dispute", "du_"): "disputes", ("dispute", "dp_"): "disputes"}


@pytest.mark.parametrize(
    ("kind", "provider_id", "url"),
    [
        ("customer", "cus_A1", "https://dashboard.example/customers/cus_A1"),
        ("dispute", "du_1", "https://dashboard.example/disputes/du_1"),
        ("dispute", "dp_test_1", "https://dashboard.example/disputes/dp_test_1"),
        ("dispute", "cus_A1", ""),
        ("customer", "du_1", ""),
        ("refund", "re_1", ""),
    ],
)
def test_an_object_is_shown_in_the_folder_of_its_kind(kind: str, provider_id: str, url: str) -> None:
    assert dashboard_page(DASHBOARD, FOLDERS, kind, provider_id) == url


@pytest.mark.parametrize(
    "provider_id",
    [
        "",
        "cus_",
        "cus",
        "javascript:alert(1)",
        "cus_javascript:alert(1)",
        "//evil.example/cus_1",
        "cus_1/../../settings",
        "cus_..",
        "cus_1?next=https://evil.example",
        "cus_1#x",
        "cus_1@evil.example",
        "cus_%2e%2e",
        "cus_1\\evil",
        "cus_1\n",
        "cus_1 ",
        " cus_1",
        'cus_1"onclick=x',
        "cus_é",
        "cus_\u0661",
        "cus_\ud800",
        "cus_" + "a" * 241,
    ],
)
def test_what_is_no_id_leads_nowhere(provider_id: str) -> None:
    assert dashboard_page(DASHBOARD, FOLDERS, "customer", provider_id) == ""


def test_a_simulator_has_no_dashboard() -> None:
    assert dashboard_page("", FOLDERS, "customer", "cus_A1") == ""
