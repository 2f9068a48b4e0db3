"""Workflows: what the application asks for, as durable commands with receipts."""
