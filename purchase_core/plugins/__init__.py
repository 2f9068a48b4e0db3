"""Plugins: hook specifications, what plugins describe, and the registry that loads the configured ones."""
