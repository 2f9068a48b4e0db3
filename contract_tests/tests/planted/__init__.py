"""Adapters with one defect each, and which contract tests catch them."""
