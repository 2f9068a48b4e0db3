"""The router of the core keeps the contract, whatever its policy asks for."""

from __future__ import annotations

from purchase_contract_tests.router import RouterContract
from purchase_core.config.policies import read_policy
from purchase_core.ports.router import Router
from purchase_core.routing.router import PolicyRouter


class TestEmptyPolicy(RouterContract):
    def router(self) -> Router:
        return PolicyRouter()


class TestFullPolicy(RouterContract):
    def router(self) -> Router:
        return PolicyRouter(
            read_policy(
                {
                    "share": {"one": 50, "two": 30, "three": 20},
                    "share_by": "request",
                    "rules": [{"name": "germany", "when": {"country": "DE"}, "prefer": ["three"]}],
                    "stickiness": {"agreement": "prefer"},
                    "score": {"success": 1.0, "cost": 1.0, "latency": 0.1, "explore_percent": 20},
                    "guardrail": {"success_percent_min": 80},
                    "connections": {"one": {"costs": [{"basis_points": 290, "fixed": 30}]}},
                    "health": {"when_all_unhealthy": "try"},
                }
            )
        )
