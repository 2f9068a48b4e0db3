"""Paddle's adapter, tested on a simulated Paddle."""
