"""Incidents, and how an operator gets out of them: told by a demo, and tried by tests."""
