"""Paddle Billing, behind the provider port."""
