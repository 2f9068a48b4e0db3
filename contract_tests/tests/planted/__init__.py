"""Adapters with one defect each, and which contract tests catch them. Run as a module, it writes the table."""
