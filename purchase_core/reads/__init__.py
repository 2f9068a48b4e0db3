"""Reads: what the application and its operators ask. They write nothing."""
