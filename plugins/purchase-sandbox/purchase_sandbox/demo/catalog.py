"""What the demo shop sells."""

from __future__ import annotations

from purchase_core import (
    Catalog,
    Money,
    credit_pack,
    credit_unit,
    feature,
    one_time,
    plan,
    quota,
    subscription,
)

export = feature("export")
api = quota("api_calls")
credits_ = credit_unit("ai_credits", unit="credits")

CATALOG = Catalog(
    subscription(
        "app",
        name="App",
        plans=[
            plan("free", name="Free", default=True, includes=[api(limit=100, reset="month")]),
            plan(
                "pro_monthly",
                name="Pro",
                price=Money("12.00", "USD"),
                every="month",
                includes=[export(), api(limit=100_000, reset="month")],
            ),
            plan(
                "team_monthly",
                name="Team",
                price=Money("30.00", "USD"),
                every="month",
                includes=[export(), api(limit=1_000_000, reset="month")],
            ),
            plan(
                "pro_yearly",
                name="Pro, yearly",
                price=Money("120.00", "USD"),
                every="year",
                trial_days=14,
                includes=[export(), api(limit=100_000, reset="month")],
            ),
        ],
    ),
    one_time(
        "lifetime",
        name="Lifetime",
        plans=[plan("lifetime", name="Lifetime", price=Money("199.00", "EUR"), includes=[export()])],
    ),
    credit_pack(
        "ai",
        name="AI",
        plans=[
            plan(
                "ai_500",
                name="500 credits",
                price=Money("10.00", "USD"),
                includes=[credits_(amount=500, expires_days=365)],
            )
        ],
    ),
)
