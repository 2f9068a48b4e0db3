"""Paddle Billing on this machine: the API, the checkout page and the webhooks, as an adapter sees them.

Sources: Paddle's OpenAPI document of 2025-05-27, and the pages of developer.paddle.com that each module
names. Nothing here is Paddle's own code, and no money moves.
"""
