"""Features: calling one makes exactly its grant."""

from __future__ import annotations

import pytest

from purchase_core.catalog.features import credit_unit, feature, licence, quota
from purchase_core.catalog.grants import RESETS, CreditGrant, FlagGrant, LicenceGrant, QuotaGrant, Reset


def test_a_flag_grants_itself() -> None:
    assert feature("export")() == FlagGrant("export")


@pytest.mark.parametrize("reset", RESETS)
def test_a_quota_grants_a_limit_in_windows(reset: Reset) -> None:
    assert quota("api_calls")(limit=100, reset=reset) == QuotaGrant("api_calls", 100, reset)


def test_a_credit_unit_grants_credits_that_last_unless_told_otherwise() -> None:
    unit = credit_unit("ai_credits", unit="tokens")
    assert unit(amount=500, expires_days=365) == CreditGrant("ai_credits", 500, 365)
    assert unit(amount=500) == CreditGrant("ai_credits", 500, 0)
    assert (unit.unit, credit_unit("ai_credits").unit) == ("tokens", "credits")


def test_a_licence_grants_seats_one_unless_told_otherwise() -> None:
    assert licence("seats")(count=5) == LicenceGrant("seats", 5)
    assert licence("seats")() == LicenceGrant("seats", 1)


def test_what_a_number_means_is_always_said() -> None:
    with pytest.raises(TypeError):
        quota("api_calls")(100, "month")  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        credit_unit("ai_credits")(500)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        licence("seats")(5)  # type: ignore[call-arg]


def test_features_and_grants_are_values() -> None:
    assert feature("export") == feature("export")
    assert feature("export") != feature("import")
    assert len({feature("a")(), feature("a")(), quota("a")(limit=1, reset="day")}) == 2
    with pytest.raises(AttributeError):
        feature("export").name = "import"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        feature("export")().feature = "import"  # type: ignore[misc]
