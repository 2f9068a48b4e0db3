"""Contract tests for stores and providers of Purchase."""
