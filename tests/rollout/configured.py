"""The configuration of a rollout's command line."""

from __future__ import annotations

CONFIG = """
app = "shop_of_cli:billing"

[connections.main]
plugin = "sandbox"
mode = "test"
api_key = "env:API_KEY"
webhook_secrets = ["env:WEBHOOK_SECRET"]
account = "{account}"
base_url = "{url}"

[store]
plugin = "sqlite"
path = "purchase.db"
"""
