"""Tests of the simulated Paddle."""
