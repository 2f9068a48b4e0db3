"""Incidents of production: each happens to a real application, and an operator gets out by commands."""
