"""Stripe's adapter, tested on a simulated Stripe."""
