"""Test doubles for applications and adapters: a store in memory, a clock that stands still."""
