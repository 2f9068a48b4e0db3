"""Tests of the simulated Stripe."""
