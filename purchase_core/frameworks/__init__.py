"""Endpoints for frameworks that are no ASGI apps, or have a word for what others mount."""
